"""Prints the logs of a run, as they are or as they grow."""

from __future__ import annotations

import time
from typing import Callable, Dict, Iterable, List, Optional

from orchestra.cli.history import Found
from orchestra.engine.replay import Replay
from orchestra.model.record import RunRecord, StepRecord
from orchestra.model.run import AttemptKey
from orchestra.model.screen_text import output_lines, safe_line
from orchestra.reports.log_tail import LogTail

_PAUSE_S = 0.2


class LogPrinter:
    """Prints logs, with a heading wherever the attempt changes if `headings`.

    `write` takes bytes: the exact ones, or with `safe` lines that no terminal can be harmed by.
    """

    def __init__(
        self, run_dir: str, write: Callable[[bytes], None], safe: bool, headings: bool
    ) -> None:
        self._run_dir = run_dir
        self._write = write
        self._safe = safe
        self._headings = headings
        self._tail_by_key: Dict[AttemptKey, LogTail] = {}
        self._shown: Optional[AttemptKey] = None
        self._rest = b""

    def print_new(self, key: AttemptKey, node: str = "") -> None:
        """Print what the log holds of an attempt, on that node, beyond what was printed of it."""
        tail = self._tail_by_key.get(key)
        if tail is None:
            tail = self._tail_by_key[key] = LogTail("%s/%s" % (self._run_dir, key.log))
        for data in iter(tail.read, b""):
            if key != self._shown:
                self.end_line()
                if self._headings:
                    place = b" on %s" % safe_line(node).encode() if node else b""
                    about = (key.step.encode(), key.number, place)
                    self._write(b"==> %s (attempt %d%s) <==\n" % about)
                self._shown = key
            self._put(data)

    def end_line(self) -> None:
        """Print what is left of a last line that has no end yet."""
        if self._rest:
            self._put_lines(self._rest)
            self._rest = b""

    def _put(self, data: bytes) -> None:
        if not self._safe:
            self._write(data)
            return
        whole, newline, self._rest = (self._rest + data).rpartition(b"\n")
        if newline:
            self._put_lines(whole)

    def _put_lines(self, data: bytes) -> None:
        self._write("".join(line + "\n" for line in output_lines(data)).encode("utf-8", "replace"))


def attempts(record: RunRecord, step: Optional[str]) -> List[AttemptKey]:
    """The attempts of one step, or of all, in the order in which they started.

    A step with instances, or others in it, has none itself: those of its parts stand for them.
    """
    steps: Iterable[StepRecord] = record.step_by_id.values()
    if step is not None and not record.step_by_id[step].members:
        steps = [record.step_by_id[step]]
    elif step is not None:
        steps = [each for each in steps if _is_part(record, each, step)]
    started = [(a.started_at, AttemptKey(s.id, a.number)) for s in steps for a in s.attempts]
    return [key for _, key in sorted(started)]


def node_of(record: RunRecord, key: AttemptKey) -> str:
    """The other machine that an attempt ran on; empty of one that ran here, or is not known."""
    return record.step_by_id[key.step].attempts[key.number - 1].node


def _is_part(record: RunRecord, step: StepRecord, whole: str) -> bool:
    while step.id != whole and step.owner:
        step = record.step_by_id[step.owner]
    return step.id == whole


def follow(found: Found, step: Optional[str], printer: LogPrinter) -> None:
    """Print logs as they grow, until the step or the run is over, or nobody drives it any more."""
    replay, seq = Replay(), 0
    while True:
        is_alive = found.store.is_alive(found.folder.run_id)
        for envelope in found.store.envelopes(found.folder.run_id, seq):
            replay.apply((envelope,))
            seq = envelope.seq
        record = replay.record
        assert record is not None
        for key in attempts(record, step):
            printer.print_new(key, node_of(record, key))
        ended_at = record.ended_at if step is None else record.step_by_id[step].ended_at
        if ended_at is not None or record.ended_at is not None or not is_alive:
            printer.end_line()
            found.store.close()
            return
        time.sleep(_PAUSE_S)
