"""`--output plain`: a line for each step and its output as one block, for CI and pipes.

Writes no escape sequence (GitLab's section marks excepted) and nothing that a step printed raw. It
is made for standard output, as ninja, make and CI scripts have it: there the output of steps is
what the reader came for, and one stream keeps each block whole and in its order.
"""

from __future__ import annotations

from typing import Callable, Dict, List, Optional, Sequence

from orchestra.engine.replay import Replay
from orchestra.model.events import (
    AttemptEnded,
    AttemptLaunched,
    AttemptQueued,
    Envelope,
    Noted,
    RetryScheduled,
    RunFinished,
    RunResumed,
    RunStarted,
    StepEnded,
    StepsAdded,
    StopRequested,
)
from orchestra.model.log_excerpt import LogExcerpt, LogReader
from orchestra.model.record import RunRecord
from orchestra.model.screen_text import safe_line
from orchestra.model.units import format_size
from orchestra.subscribers.grouping import Grouping
from orchestra.subscribers.screen import Screen, Summarize
from orchestra.subscribers.step_lines import (
    handler_line,
    note_line,
    resume_line,
    retry_line,
    start_line,
    step_line,
    stop_line,
)
from orchestra.subscribers.where_lines import WhereLines

_HEAD_BYTES = 64 * 1024
_TAIL_BYTES = 192 * 1024
_INDENT = "  "


class PlainView:
    """Reads the run's record from `replay`, which is given the events of a turn before this is."""

    def __init__(
        self,
        screen: Screen,
        replay: Replay,
        logs: LogReader,
        grouping: Grouping,
        summarize: Summarize,
    ) -> None:
        self._screen = screen
        self._replay = replay
        self._logs = logs
        self._grouping = grouping
        self._summarize = summarize
        self._ended: Dict[str, AttemptEnded] = {}
        self._done = 0
        self._blocks = 0
        self._where = WhereLines()
        self._say: Dict[type, Callable[..., str]] = {
            StepEnded: self._step,
            RetryScheduled: self._retry,
            AttemptQueued: self._queued,
            AttemptLaunched: self._launched,
            StepsAdded: self._before_handlers,
            Noted: self._note,
            StopRequested: self._stop,
            RunStarted: self._start,
            RunResumed: self._go_on,
            RunFinished: self._finish,
        }

    def handle(self, envelopes: Sequence[Envelope]) -> None:
        """Tell what happened in this turn."""
        record = self._replay.record
        if record is None:
            return
        parts: List[str] = []
        for envelope in envelopes:
            event = envelope.event
            if type(event) is AttemptEnded:
                line = self._where.lost(event, record.total)
                if line:
                    parts.append(self._block(line, event, envelope.at, folded=True))
                else:
                    self._ended[event.step] = event
                continue
            say = self._say.get(type(event))
            if say is not None:
                parts.append(say(record, event, envelope.at))
        text = "".join(parts)
        if text:
            self._screen.write(text, keep=record.ended_at is not None)

    def close(self) -> None:
        """Nothing is left to be said."""

    def _step(self, record: RunRecord, event: StepEnded, at: float) -> str:
        step = record.step_by_id[event.step]
        is_counted = not step.members and not step.is_handler
        self._done += is_counted
        title = step_line(step, event, self._done, record.total)
        failed = step.is_root_of_failure
        ended = self._ended.pop(event.step, None)
        text = self._block(title, ended, at, folded=not failed)
        if failed and not step.is_handler:
            step_id, reason = safe_line(event.step), safe_line(event.reason)
            text += self._grouping.failure(step_id, reason, ended and ended.log)
        return text

    def _retry(self, record: RunRecord, event: RetryScheduled, at: float) -> str:
        ended = self._ended.pop(event.step, None)
        if ended is None:
            return ""
        title = retry_line(ended, event, record.total)
        return self._block(title, ended, at, folded=True)

    def _queued(self, record: RunRecord, event: AttemptQueued, at: float) -> str:
        line = self._where.queued(event, record.total)
        return self._grouping.line(line) if line else ""

    def _launched(self, record: RunRecord, event: AttemptLaunched, at: float) -> str:
        line = self._where.launched(event, record.total)
        return self._grouping.line(line) if line else ""

    def _before_handlers(self, record: RunRecord, event: StepsAdded, at: float) -> str:
        """What the last attempt wrote, before what comes after it."""
        blocks = []
        for entry in event.steps:
            ended = self._ended.pop(entry.owner, None)
            if ended is not None and ended.log is not None:
                title = handler_line(ended, entry, record.total)
                blocks.append(self._block(title, ended, at, folded=ended.exit_code == 0))
        return "".join(blocks)

    def _note(self, record: RunRecord, event: Noted, at: float) -> str:
        return self._grouping.line(note_line(event))

    def _stop(self, record: RunRecord, event: StopRequested, at: float) -> str:
        return self._grouping.line(stop_line(event))

    def _start(self, record: RunRecord, event: RunStarted, at: float) -> str:
        return self._grouping.line(start_line(record))

    def _go_on(self, record: RunRecord, event: RunResumed, at: float) -> str:
        self._done = record.done_before
        return self._grouping.line(resume_line(record))

    def _finish(self, record: RunRecord, event: RunFinished, at: float) -> str:
        quoted = self._summarize(record)
        return "\n%s%s%s" % (self._grouping.quote_begin, quoted, self._grouping.quote_end)

    def _block(self, title: str, ended: Optional[AttemptEnded], at: float, folded: bool) -> str:
        if ended is None or ended.log is None:
            return self._grouping.line(title)
        self._blocks += 1
        body = _body(self._logs.read(ended.log, _HEAD_BYTES, _TAIL_BYTES))
        return self._grouping.block(title, body, self._blocks, at, folded)


def _body(excerpt: LogExcerpt) -> str:
    lines = [_INDENT + line for line in excerpt.head]
    if excerpt.cut_bytes:
        where = safe_line(excerpt.path)
        lines.append("... %s not shown, all of it: %s" % (format_size(excerpt.cut_bytes), where))
        lines += [_INDENT + line for line in excerpt.tail]
    if excerpt.problem:
        where, problem = safe_line(excerpt.path), safe_line(excerpt.problem)
        lines.append("... the log cannot be read: %s: %s" % (where, problem))
    return "".join([line + "\n" for line in lines])
