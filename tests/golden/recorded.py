"""Some recorded runs, and each way in which they can be seen."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Callable, List, Mapping, Sequence, Tuple

from orchestra.engine.replay import Replay, fold
from orchestra.model.events import Envelope, decode_turn
from orchestra.model.log_excerpt import LogExcerpt
from orchestra.model.look import Look
from orchestra.model.record import RunRecord, StepRecord
from orchestra.model.run import AttemptKey
from orchestra.model.workflow import AlertWhen
from orchestra.reports.alert import Alert, AlertFacts, make_alert
from orchestra.reports.failure import failure_text
from orchestra.reports.log_file import LogFolder
from orchestra.reports.summary import render_summary, totals_line
from orchestra.subscribers.expectation import Expectation, Hint
from orchestra.subscribers.grouping import Grouping
from orchestra.subscribers.jsonlines import JsonLines
from orchestra.subscribers.live import LiveView
from orchestra.subscribers.plain import PlainView
from orchestra.subscribers.quiet import QuietView
from orchestra.subscribers.run_log import RunLog
from orchestra.subscribers.stream import StreamView
from tests.subscribers.screens import Pages, Terminal

HERE = Path(__file__).parent
HINTS = {
    "fetch": Hint(5, 60),
    "schema": Hint(1, 56),
    "lint": Hint(2, 2),
    "convert": Hint(40, 55),
    "load": Hint(12, 14.5),
    "stats": Hint(9, 15.5),
    "plot": Hint(4, 6.5),
    "archive": Hint(3, 3),
    "publish": Hint(2, 2.5),
    "clean-up": Hint(0.5, 0.5),
}
_NIGHTLY_CHUNKS = (
    (0.5, "fetch", b"listing 3 files\n2026-11-21/eu-north.csv  812 KiB\n"),
    (9.0, "convert", b"reading 10000 rows\rreading 20000 rows\r"),
    (70.0, "load", b"insert into readings: batch 7 of 40\ninsert into readings: batch 8"),
    (70.0, "stats", b"\x1b[2J\x1b[32mmean temperature\x1b[0m\n\n"),
)


class Logs:
    """The recorded logs, as if they lay where the run was."""

    def __init__(self) -> None:
        self._folder = LogFolder(str(HERE / "run"))

    def path(self, log: str) -> str:
        return "/home/ann/weather/.orchestra/runs/20261122-101500-k3fz/" + log

    def read(self, log: str, head_bytes: int, tail_bytes: int) -> LogExcerpt:
        return self._folder.read(log, head_bytes, tail_bytes)._replace(path=self.path(log))


NIGHTLY = "events"
"""Steps on this machine alone."""

ELSEWHERE = "elsewhere"
"""Steps on the nodes of two clusters, one of which is lost."""


def turns(of: str = NIGHTLY) -> List[List[Envelope]]:
    """The events of the run, by turn."""
    lines = (HERE / (of + ".jsonl")).read_text("utf-8").splitlines()
    return [decode_turn(line) for line in lines]


def record(of: str = NIGHTLY, until: float = math.inf) -> RunRecord:
    """The run when it was over, or so many seconds after its start."""
    told = turns(of)
    latest = told[0][0].at + until
    folded = fold(envelope for turn in told for envelope in turn if envelope.at <= latest)
    assert folded is not None
    return folded


def alert(of: str = NIGHTLY) -> Alert:
    """What is told of the run when it was over."""
    facts = AlertFacts(0.0, "orchestra show 20261122-101500-k3fz --state-dir /home/ann/.orchestra")
    return make_alert(record(of), AlertWhen.FAILURE, facts, Logs())


def summary(width: int, look: Look, of: str = NIGHTLY) -> str:
    """The summary that `run` and `show` print."""
    return render_summary(record(of), width, look, Logs())


def _played(make: Callable[[Pages, Replay], PlainView], of: str) -> str:
    pages, replay = Pages(), Replay()
    view = make(pages, replay)
    for turn in turns(of):
        replay.apply(turn)
        view.handle(turn)
    view.close()
    return pages.text


def plain(grouping: Grouping, of: str = NIGHTLY) -> str:
    """What the plain view writes."""
    return _played(
        lambda pages, replay: PlainView(
            pages,
            replay,
            Logs(),
            grouping,
            lambda run: render_summary(run, 80, Look(), Logs(), 3),
        ),
        of,
    )


def quiet(of: str = NIGHTLY) -> str:
    """What the quiet view writes."""
    pages, replay = Pages(), Replay()
    view = QuietView(
        pages,
        replay,
        lambda step: failure_text(step, Logs(), 80, Look(), 5),
        lambda run: totals_line(run, Look()) + "\n",
    )
    for turn in turns(of):
        replay.apply(turn)
        view.handle(turn)
    return pages.text


def stream(grouping: Grouping, of: str = NIGHTLY) -> str:
    """What the stream view writes, with the output of each attempt just before its end."""
    pages, replay = Pages(), Replay()
    view = StreamView(pages, replay, grouping, lambda run: totals_line(run, Look()) + "\n")
    for turn in turns(of):
        replay.apply(turn)
        for key, chunk in _chunks_before(turn):
            view.output(key, chunk)
        view.handle(turn)
    view.close()
    return pages.text


def json_lines(of: str = NIGHTLY) -> str:
    """What `--output json` writes."""
    pages = Pages()
    view = JsonLines(pages)
    for turn in turns(of):
        view.handle(turn)
    return pages.text


def log_file(of: str = NIGHTLY) -> str:
    """What `--log-file` adds to its file."""
    pages, replay = Pages(), Replay()
    log = RunLog(pages, replay)
    for turn in turns(of):
        replay.apply(turn)
        log.handle(turn)
    return pages.text


class LiveRun:
    """The recorded run on a live view; `go_to` brings it to so many seconds after its start."""

    def __init__(self, columns: int, lines: int, look: Look, of: str = NIGHTLY) -> None:
        self.pages = Pages()
        self.size = (columns, lines)
        self._replay = Replay()
        self._turns = turns(of)
        self._chunks = list(CHUNKS[of])
        self._start = self._turns[0][0].at
        self.view = LiveView(
            self.pages,
            self._replay,
            lambda step: self._failure(step, look),
            lambda run: render_summary(run, self.size[0], look, Logs(), 0),
            look,
            lambda: self.size,
            Expectation(HINTS, 66.0) if of == NIGHTLY else None,
        )

    def go_to(self, seconds: float) -> str:
        """Play everything up to then, tick, and give what was written meanwhile."""
        before = len(self.pages.texts)
        while self._turns and self._turns[0][0].at <= self._start + seconds:
            turn = self._turns.pop(0)
            self._replay.apply(turn)
            self.view.handle(turn)
        while self._chunks and self._chunks[0][0] <= seconds:
            _, step, chunk = self._chunks.pop(0)
            self.view.output(AttemptKey(step, 1), chunk)
        self.view.tick(self._start + seconds)
        return "".join(self.pages.texts[before:])

    def stop(self, cause: str) -> None:
        """Have the run be asked to stop."""
        assert self._replay.record is not None
        self._replay.record.stopping = cause

    def _failure(self, step: StepRecord, look: Look) -> str:
        return failure_text(step, Logs(), self.size[0], look, 5)


CHUNKS: Mapping[str, Sequence[Tuple[float, str, bytes]]] = {
    NIGHTLY: _NIGHTLY_CHUNKS,
    ELSEWHERE: [(190.0, "train", b"epoch 4 of 9\n")],
}
MOMENTS = {
    NIGHTLY: (0.7, 10.0, 18.5, 70.0, 80.0, 100.0),
    ELSEWHERE: (2.0, 20.0, 140.0, 200.0, 700.0),
}


def live(columns: int, lines: int, of: str = NIGHTLY) -> str:
    """What a terminal shows at some moments of the run."""
    run, terminal = LiveRun(columns, lines, Look(color=True), of), Terminal(columns, lines)
    parts = []
    for moment in MOMENTS[of]:
        terminal.feed(run.go_to(moment))
        parts.append("---- after %gs\n%s\n" % (moment, "\n".join(terminal.seen())))
    return "".join(parts)


def _chunks_before(turn: List[Envelope]) -> List[Tuple[AttemptKey, bytes]]:
    logs = [getattr(envelope.event, "log", None) for envelope in turn]
    found = []
    for envelope, log in zip(turn, logs):
        if log is not None:
            key = AttemptKey(envelope.event.step, envelope.event.number)  # type: ignore[union-attr]  # ends only
            data = (HERE / "run" / log).read_bytes()
            found += [(key, data[:50]), (key, data[50:])]
    return found
