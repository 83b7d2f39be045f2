"""`--output plain`: a line for each step and its output as one block, for CI and pipes.

Writes no escape sequence (GitLab's section marks excepted) and nothing that a step printed raw. It
is made for standard output, as ninja, make and CI scripts have it: there the output of steps is
what the reader came for, and one stream keeps each block whole and in its order.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence

from orchestra.engine.replay import Replay
from orchestra.model.events import (
    AttemptEnded,
    Envelope,
    Event,
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
from orchestra.model.run import RunRecord
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

    def handle(self, envelopes: Sequence[Envelope]) -> None:
        """Tell what happened in this turn."""
        record = self._replay.record
        if record is None:
            return
        parts: List[str] = []
        for envelope in envelopes:
            event = envelope.event
            if type(event) is AttemptEnded:
                self._ended[event.step] = event
            elif type(event) is StepEnded:
                parts.append(self._step(record, event, envelope.at))
            elif type(event) is RetryScheduled:
                parts.append(self._retry(record, event, envelope.at))
            elif type(event) is StepsAdded:
                parts.append(self._before_handlers(record, event, envelope.at))
            else:
                parts.append(self._other(record, event))
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

    def _before_handlers(self, record: RunRecord, event: StepsAdded, at: float) -> str:
        """What the last attempt wrote, before what comes after it."""
        blocks = []
        for entry in event.steps:
            ended = self._ended.pop(entry.owner, None)
            if ended is not None and ended.log is not None:
                title = handler_line(ended, entry, record.total)
                blocks.append(self._block(title, ended, at, folded=ended.exit_code == 0))
        return "".join(blocks)

    def _other(self, record: RunRecord, event: Event) -> str:
        if type(event) is Noted:
            return self._grouping.line(note_line(event))
        if type(event) is StopRequested:
            return self._grouping.line(stop_line(event))
        if type(event) is RunStarted:
            return self._grouping.line(start_line(record))
        if type(event) is RunResumed:
            self._done = record.done_before
            return self._grouping.line(resume_line(record))
        if type(event) is RunFinished:
            quoted = self._summarize(record)
            return "\n%s%s%s" % (self._grouping.quote_begin, quoted, self._grouping.quote_end)
        return ""

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
