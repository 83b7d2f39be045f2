"""`--output live`: what runs now, kept up to date at the foot of a terminal.

Never waits for the terminal: a frame is only made when the one before has been taken, so that a
slow one sees fewer frames and nothing else. Made for standard error; steps' output is shown safe.
"""

from __future__ import annotations

from itertools import islice
from typing import Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from rich.cells import cell_len

from orchestra.engine.replay import Replay
from orchestra.model.events import (
    AttemptEnded,
    AttemptLaunched,
    AttemptQueued,
    AttemptStarted,
    Envelope,
    RetryScheduled,
    RunFinished,
    RunResumed,
    RunStarted,
    StepEnded,
    StepReady,
    StepsAdded,
)
from orchestra.model.look import Look, step_label
from orchestra.model.record import RunRecord, StepRecord
from orchestra.model.run import AttemptKey, StepState
from orchestra.model.screen_text import output_lines, safe_line
from orchestra.subscribers.expectation import Expectation
from orchestra.subscribers.foot import Foot
from orchestra.subscribers.frame import Row, View, frame_lines
from orchestra.subscribers.screen import DescribeFailure, Screen, Summarize

_TAIL_BYTES = 400
_MOST_FAILURES_AT_ONCE = 20

Size = Tuple[int, int]


class LiveView:
    """Reads the run's record from `replay`, which is given the events of a turn before this is.

    `tick` is to be called about ten times a second with the time of the events' clock; `size`
    gives columns and lines of the terminal each time it is asked. While it is not `is_ours`, as
    where a shell has it back, nothing is drawn.
    """

    def __init__(
        self,
        screen: Screen,
        replay: Replay,
        describe: DescribeFailure,
        summarize: Summarize,
        look: Look,
        size: Callable[[], Size],
        expectation: Optional[Expectation] = None,
        is_ours: Callable[[], bool] = lambda: True,
    ) -> None:
        self._screen = screen
        self._replay = replay
        self._describe = describe
        self._summarize = summarize
        self._look = look
        self._size = size
        self._expectation = expectation
        self._is_ours = is_ours
        self._foot = Foot(look)
        self._running: Dict[str, StepRecord] = {}
        self._queued: Dict[str, StepRecord] = {}
        self._retrying: Dict[str, StepRecord] = {}
        self._tails: Dict[str, bytes] = {}
        self._used: Dict[str, int] = {}
        self._open: Dict[str, StepRecord] = {}
        self._failed: List[StepRecord] = []
        self._name_cells = 0
        self._over = False

    def output(self, key: AttemptKey, chunk: bytes) -> None:
        """Remember the end of what the step wrote."""
        tail = self._tails.get(key.step, b"") + chunk[-_TAIL_BYTES:]
        self._tails[key.step] = tail[-_TAIL_BYTES:]

    def handle(self, envelopes: Sequence[Envelope]) -> None:
        """Take note of what happened in this turn; only the end of the run is written at once."""
        record = self._replay.record
        if record is None:
            return
        for envelope in envelopes:
            event = envelope.event
            if type(event) is AttemptStarted:
                self._started(record.step_by_id[event.step])
            elif type(event) is AttemptEnded:
                self._attempt_ended(event.step)
            elif type(event) is StepEnded:
                self._ended(record.step_by_id[event.step])
            elif type(event) is RetryScheduled:
                self._retrying[event.step] = record.step_by_id[event.step]
            elif type(event) is StepReady:
                self._demanded(record, event.resources)
            elif type(event) is StepsAdded:
                self._added(record, event)
            elif type(event) is AttemptQueued:
                self._queued[event.step] = record.step_by_id[event.step]
            elif type(event) is AttemptLaunched:
                self._queued.pop(event.step, None)
            elif type(event) is RunStarted:
                self._begin(record)
            elif type(event) is RunResumed:
                self._forget()
                self._begin(record)
                self._go_on(record, envelope.at)
            elif type(event) is RunFinished:
                self._finish(record)

    def tick(self, now: float) -> None:
        """Bring the terminal up to date, if it has taken what was written before."""
        record = self._replay.record
        if record is None or self._over or not self._screen.idle():
            return
        if not self._is_ours():
            left = self._foot.leave()
            if left:
                self._screen.write(left, keep=True)
            return
        size = self._size()
        lines = frame_lines(self._view(record, now, size[1]), *size, self._look)
        text = self._foot.paint(lines, size, self._failures())
        if text:
            self._screen.write(text, keep=True)

    def close(self) -> None:
        """Take the frame away and give the cursor back, if the run did not come to its end."""
        if not self._over:
            self._over = True
            self._screen.write(self._cleared(), keep=True)

    def _begin(self, record: RunRecord) -> None:
        self._widen(record.step_by_id.values())
        for step in record.step_by_id.values():
            self._demanded(record, step.resources)

    def _forget(self) -> None:
        """Have seen nothing of the run yet: what was under way is told anew when it goes on."""
        self._over = False
        self._running.clear()
        self._queued.clear()
        self._retrying.clear()
        self._open.clear()
        self._used.clear()
        if self._expectation is not None:
            self._expectation.begin()

    def _go_on(self, record: RunRecord, at: float) -> None:
        """Take note of what was under way, and of what had ended, when the run went on."""
        for step in record.step_by_id.values():
            if step.attempts and step.attempts[-1].outcome is None:
                if step.attempts[-1].started_at < at:
                    self._started(step)
                    if step.state is StepState.QUEUED:
                        self._queued[step.id] = step
            elif step.state is StepState.WAITING_RETRY:
                self._retrying[step.id] = step
            elif step.parts and step.ended_at is None:
                self._open[step.id] = step
            elif step.ended_at is not None and self._expectation is not None:
                self._expectation.ended(step.id)

    def _added(self, record: RunRecord, event: StepsAdded) -> None:
        self._widen(record.step_by_id[entry.step] for entry in event.steps)
        for entry in event.steps:
            owner = record.step_by_id.get(entry.owner)
            if owner is not None and owner.members and owner.ended_at is None:
                self._open[owner.id] = owner

    def _widen(self, steps: Iterable[StepRecord]) -> None:
        widest = max((cell_len(step_label(step.id, step.name)) for step in steps), default=0)
        self._name_cells = max(self._name_cells, widest)

    def _demanded(self, record: RunRecord, resources: Mapping[str, int]) -> None:
        for name in resources:
            if name in record.budget:
                self._used.setdefault(name, 0)

    def _started(self, step: StepRecord) -> None:
        self._retrying.pop(step.id, None)
        self._running[step.id] = step
        for name, amount in step.resources.items():
            self._used[name] = self._used.get(name, 0) + amount
        if self._expectation is not None:
            self._expectation.started(step.id)

    def _attempt_ended(self, step: str) -> None:
        self._tails.pop(step, None)
        self._queued.pop(step, None)
        ended = self._running.pop(step, None)
        if ended is not None:
            for name, amount in ended.resources.items():
                self._used[name] -= amount

    def _ended(self, step: StepRecord) -> None:
        self._retrying.pop(step.id, None)
        self._open.pop(step.id, None)
        if step.is_root_of_failure:
            self._failed.append(step)
        if self._expectation is not None:
            self._expectation.ended(step.id)

    def _finish(self, record: RunRecord) -> None:
        self._over = True
        clear = self._cleared()
        self._screen.write(clear + self._failures() + self._summarize(record), keep=True)

    def _cleared(self) -> str:
        """The text that takes the frame away, where nobody else has drawn below it."""
        return self._foot.clear(self._size()) if self._is_ours() else self._foot.leave()

    def _failures(self) -> str:
        """What failed since the last frame, each with a blank line after it."""
        failed, self._failed = self._failed, []
        parts = [self._describe(step) + "\n" for step in failed[:_MOST_FAILURES_AT_ONCE]]
        if len(failed) > len(parts):
            parts.append("%d more steps failed\n\n" % (len(failed) - len(parts)))
        return "".join(parts)

    def _view(self, record: RunRecord, now: float, height: int) -> View:
        rows = list(islice(self._rows(now), height))
        others = list(islice(self._others(now), height))
        under_way = len(self._running) + len(self._retrying) + len(self._open)
        left_s = None
        if self._expectation is not None and not record.stopping:
            left_s = self._expectation.left_s(
                (step.id, 0.0 if id in self._queued else now - step.attempts[-1].began_at)
                for id, step in self._running.items()
            )
        return View(
            record=record,
            elapsed_s=now - record.started_at,
            left_s=left_s,
            used=self._used,
            rows=rows,
            others=others,
            hidden=under_way - len(rows) - len(others),
            name_cells=self._name_cells,
        )

    def _rows(self, now: float) -> Iterator[Row]:
        for step in self._running.values():
            if step.id in self._queued:
                continue
            attempt = step.attempts[-1]
            words = _last_words(self._tails.get(step.id, b""))
            if attempt.node:
                words = ("on %s  %s" % (safe_line(attempt.node), words)).rstrip()
            if attempt.number > 1:
                words = ("attempt %d  %s" % (attempt.number, words)).rstrip()
            label = step_label(step.id, step.name)
            yield Row(StepState.RUNNING, label, now - attempt.began_at, words)

    def _others(self, now: float) -> Iterator[Row]:
        for step in self._retrying.values():
            number, reason = len(step.attempts) + 1, safe_line(step.attempts[-1].reason)
            words = "until attempt %d, after: %s" % (number, reason)
            label = step_label(step.id, step.name)
            yield Row(StepState.WAITING_RETRY, label, (step.retry_at or now) - now, words)
        for step in self._open.values():
            words = "%d of %d done" % (step.members_done, step.members)
            label = step_label(step.id, step.name)
            yield Row(StepState.RUNNING, label, now - (step.began_at or now), words)
        for step in self._queued.values():
            yield self._queued_row(step, now)

    def _queued_row(self, step: StepRecord, now: float) -> Row:
        attempt = step.attempts[-1]
        facts = [safe_line(attempt.queue_reason)] if attempt.queue_reason else []
        facts += ["job %s" % safe_line(attempt.job)]
        if attempt.number > 1:
            facts.append("attempt %d" % attempt.number)
        words = (" %s " % self._look.dot).join(facts)
        label = step_label(step.id, step.name)
        return Row(StepState.QUEUED, label, now - attempt.started_at, words)


def _last_words(tail: bytes) -> str:
    """The last line that is not blank; a character cut in two at its beginning is left out."""
    text = tail.rstrip()
    begin = max(text.rfind(b"\n"), text.rfind(b"\r")) + 1
    lines = output_lines(text[begin:].lstrip(_CONTINUATIONS))
    return lines[0].strip() if lines else ""


_CONTINUATIONS = bytes(range(0x80, 0xC0))
