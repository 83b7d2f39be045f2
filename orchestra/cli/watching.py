"""Shows a recorded run as it was shown while it ran: as it goes on, or again. Starts nothing."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack
from functools import partial
from itertools import groupby
from types import TracebackType
from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Tuple, Type

from orchestra.cli.history import Found, command_line
from orchestra.cli.terminal import Terminal
from orchestra.cli.views import make_view
from orchestra.engine.audience import TICK_S
from orchestra.engine.replay import Replay
from orchestra.model.events import AttemptEnded, Envelope, RunResumed
from orchestra.model.run import AttemptKey
from orchestra.reports.log_tail import LogTail
from orchestra.subscribers.expectation import recorded_expectation

_LONGEST_PAUSE_S = 1.0


class Stage:
    """A view in one of `terminal.MODES`, given events that were recorded; main thread only.

    Ctrl-C takes a live view away, as KeyboardInterrupt, while this is entered. It is left with an
    OSError where it could not be shown to its end.
    """

    def __init__(self, found: Found, terminal: Terminal, mode: str) -> None:
        self.replay = Replay()
        self._found = found
        self._terminal = terminal
        self._mode = mode
        self._tail_by_key: Dict[AttemptKey, LogTail] = {}
        self._opened = ExitStack()

    def __enter__(self) -> Stage:
        with ExitStack() as opened:
            before = signal.signal(signal.SIGINT, signal.default_int_handler)
            opened.callback(signal.signal, signal.SIGINT, before)
            screen = self._screen = self._terminal.open_screen(self._mode)
            opened.callback(screen.close)
            ground = self._terminal.foreground()
            if self._mode == "live":
                opened.enter_context(ground)
            folder = self._found.folder.path
            environ = dict(os.environ)
            self._view = make_view(
                self._mode,
                self._terminal,
                screen,
                self.replay,
                partial(recorded_expectation, self._found.record),
                folder,
                os.path.dirname(self._found.record.path),
                environ,
                ground.is_ours,
            )
            opened.callback(self._view.subscriber.close)
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._opened.close()
        if kind is None and self._screen.fault is not None:
            raise self._screen.fault

    @property
    def is_unseen(self) -> bool:
        """Whether nothing can be shown any more: the reader is gone, or has no room."""
        return self._screen.fault is not None

    def show(self, envelopes: Sequence[Envelope]) -> None:
        """Let these have happened, once what steps wrote before is shown."""
        for envelope in envelopes:
            if type(envelope.event) is AttemptEnded:
                self._show_output(AttemptKey(envelope.event.step, envelope.event.number))
        self.replay.apply(envelopes)
        self._view.subscriber.handle(envelopes)

    def show_outputs(self) -> None:
        """Show what the steps that are under way have written since this was asked last."""
        record = self.replay.record
        if record is None or self._view.on_output is None:
            return
        for step in record.step_by_id.values():
            if step.attempts and step.attempts[-1].outcome is None:
                self._show_output(AttemptKey(step.id, step.attempts[-1].number))

    def tick(self, now: float) -> None:
        """Bring a live view up to date; UTC seconds."""
        if self._view.ticker is not None:
            self._view.ticker(now)

    def _show_output(self, key: AttemptKey) -> None:
        if self._view.on_output is None:
            return
        tail = self._tail_by_key.get(key)
        if tail is None:
            path = os.path.join(self._found.folder.path, key.log)
            tail = self._tail_by_key[key] = LogTail(path)
        for data in iter(tail.read, b""):
            self._view.on_output(key, data)


def follow(found: Found, terminal: Terminal, mode: str) -> bool:
    """Show a run as it goes on, until it is over; whether it is, or nobody drives it any more.

    Raises:
        OSError: it cannot be shown any more.
    """
    seq = 0
    with Stage(found, terminal, mode) as stage:
        while True:
            is_alive = found.store.is_alive(found.folder.run_id)
            envelopes = list(found.store.envelopes(found.folder.run_id, seq))
            for turn in _turns(envelopes):
                seq = turn[-1].seq
                stage.show(turn)
            record = stage.replay.record
            assert record is not None
            if record.ended_at is not None or not is_alive or stage.is_unseen:
                found.store.close()
                return record.ended_at is not None
            stage.show_outputs()
            stage.tick(time.time())
            time.sleep(TICK_S)


def play(found: Found, terminal: Terminal, mode: str, speed: float) -> None:
    """Show a run again, `speed` times as fast as it went; pauses before a resume are cut short.

    Raises:
        OSError: it cannot be shown any more.
    """
    envelopes = list(found.store.envelopes(found.folder.run_id))
    found.store.close()
    with Stage(found, terminal, mode) as stage:
        began = time.monotonic()
        for due_s, turn in _timed(envelopes):
            while True:
                passed_s = (time.monotonic() - began) * speed
                if passed_s >= due_s or stage.is_unseen:
                    break
                stage.tick(turn[0].at - (due_s - passed_s))
                time.sleep(min(TICK_S, (due_s - passed_s) / speed))
            if stage.is_unseen:
                break
            stage.show(turn)


def tell_cut_off(found: Found, terminal: Terminal) -> None:
    """Say of a run that nobody drives any more how to go on with it."""
    go_on = command_line("resume", found.folder.run_id, found.store.state)
    terminal.say("nobody drives this run any more; go on with it: %s" % go_on)


def _timed(envelopes: Iterable[Envelope]) -> Iterator[Tuple[float, List[Envelope]]]:
    """What happened at the same moment, with how many seconds of the run had passed by then."""
    passed_s, last = 0.0, None
    for turn in _turns(envelopes):
        at = turn[0].at
        gap_s = 0.0 if last is None else max(0.0, at - last)
        if any(type(envelope.event) is RunResumed for envelope in turn):
            gap_s = min(gap_s, _LONGEST_PAUSE_S)
        passed_s, last = passed_s + gap_s, at
        yield passed_s, turn


def _turns(envelopes: Iterable[Envelope]) -> Iterator[List[Envelope]]:
    """What happened at the same moment, which a view is told of before what came next happened."""
    for _, group in groupby(envelopes, key=lambda envelope: envelope.at):
        yield list(group)
