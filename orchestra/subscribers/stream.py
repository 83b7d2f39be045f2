"""`--output stream`: each line of output as it comes, the step's name in front of it.

Made for standard output, like the plain view. Holds no more than the unfinished line of each
running step; what a step printed is never written raw.
"""

from __future__ import annotations

from typing import Dict, Iterable, List, Sequence

from rich.cells import set_cell_size

from orchestra.engine.replay import Replay
from orchestra.model.events import (
    AttemptEnded,
    AttemptLaunched,
    AttemptQueued,
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
from orchestra.model.record import RunRecord
from orchestra.model.run import AttemptKey
from orchestra.model.screen_text import output_lines, safe_line
from orchestra.subscribers.cells import fit
from orchestra.subscribers.grouping import Grouping
from orchestra.subscribers.screen import Screen, Summarize
from orchestra.subscribers.step_lines import (
    note_line,
    resume_line,
    retry_line,
    start_line,
    step_line,
    stop_line,
)
from orchestra.subscribers.where_lines import WhereLines

_WIDEST_NAME = 24
_LONGEST_LINE = 64 * 1024


class StreamView:
    """Reads the run's record from `replay`, which is given the events of a turn before this is.

    The executor's pump tells it of output; all that it tells of an attempt comes before the event
    of the attempt's end.
    """

    def __init__(
        self, screen: Screen, replay: Replay, grouping: Grouping, summarize: Summarize
    ) -> None:
        self._screen = screen
        self._replay = replay
        self._grouping = grouping
        self._summarize = summarize
        self._unfinished: Dict[str, bytes] = {}
        self._prefixes: Dict[str, str] = {}
        self._ended: Dict[str, AttemptEnded] = {}
        self._failures: List[str] = []
        self._width = _WIDEST_NAME
        self._done = 0
        self._quoting = False
        self._where = WhereLines()

    def output(self, key: AttemptKey, chunk: bytes) -> None:
        """Show the lines that the chunk completes."""
        data = self._unfinished.pop(key.step, b"") + chunk
        end = data.rfind(b"\n") + 1
        if len(data) - end > _LONGEST_LINE:
            end = len(data)
        if end < len(data):
            self._unfinished[key.step] = data[end:]
        if end:
            self._screen.write(self._prefixed(key.step, data[:end]))

    def handle(self, envelopes: Sequence[Envelope]) -> None:
        """Tell what happened in this turn."""
        record = self._replay.record
        if record is None:
            return
        parts = [self._tell(record, envelope.event) for envelope in envelopes]
        text = "".join(parts)
        if text:
            self._screen.write(text, keep=record.ended_at is not None)

    def close(self) -> None:
        """Let the CI take orders again if the run did not come to its end."""
        if self._quoting:
            self._quoting = False
            self._screen.write(self._grouping.quote_end, keep=True)

    def _tell(self, record: RunRecord, event: Event) -> str:
        if type(event) is AttemptEnded:
            self._ended[event.step] = event
            return self._flush(event.step) + _ended(self._where.lost(event, record.total))
        if type(event) is StepEnded:
            return self._step(record, event)
        if type(event) is RetryScheduled:
            ended = self._ended.pop(event.step, None)
            return "" if ended is None else self._retry(record, ended, event)
        if type(event) is AttemptLaunched:
            return _ended(self._where.launched(event, record.total))
        if type(event) is AttemptQueued:
            return _ended(self._where.queued(event, record.total))
        if type(event) is Noted:
            return note_line(event) + "\n"
        if type(event) is StopRequested:
            return stop_line(event) + "\n"
        if type(event) is RunStarted:
            return self._start(record, start_line(record))
        if type(event) is RunResumed:
            self._done = record.done_before
            return self._start(record, resume_line(record))
        if type(event) is StepsAdded:
            self._widen(entry.step for entry in event.steps)
        return self._finish(record) if type(event) is RunFinished else ""

    def _start(self, record: RunRecord, line: str) -> str:
        self._width = 0
        self._widen(record.step_by_id)
        self._quoting = bool(self._grouping.quote_end)
        return self._grouping.line(line) + self._grouping.quote_begin

    def _widen(self, steps: Iterable[str]) -> None:
        longest = max(map(len, steps), default=0)
        self._width = max(self._width, min(longest, _WIDEST_NAME))

    def _step(self, record: RunRecord, event: StepEnded) -> str:
        step_record = record.step_by_id[event.step]
        is_counted = not step_record.members and not step_record.is_handler
        self._done += is_counted
        ended = self._ended.pop(event.step, None)
        self._prefixes.pop(event.step, None)
        if step_record.is_root_of_failure and not step_record.is_handler:
            step, reason = safe_line(event.step), safe_line(event.reason)
            self._failures.append(self._grouping.failure(step, reason, ended and ended.log))
        return step_line(step_record, event, self._done, record.total) + "\n"

    def _retry(self, record: RunRecord, ended: AttemptEnded, event: RetryScheduled) -> str:
        return retry_line(ended, event, record.total) + "\n"

    def _finish(self, record: RunRecord) -> str:
        self._quoting = False
        summary = self._summarize(record)
        return "".join(["\n", summary, self._grouping.quote_end, *self._failures])

    def _flush(self, step: str) -> str:
        data = self._unfinished.pop(step, b"")
        return self._prefixed(step, data) if data else ""

    def _prefixed(self, step: str, data: bytes) -> str:
        prefix = self._prefixes.get(step)
        if prefix is None:
            name = set_cell_size(fit(safe_line(step), self._width, "…"), self._width)
            prefix = self._prefixes[step] = name + " | "
        return "".join(["%s%s\n" % (prefix, line) for line in output_lines(data)])


def _ended(line: str) -> str:
    return line + "\n" if line else ""
