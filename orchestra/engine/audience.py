"""Everyone who is told of events after they are recorded. None of them can harm the run."""

from __future__ import annotations

from typing import Callable, List, Optional, Sequence

from orchestra.engine.ports import Subscriber
from orchestra.engine.replay import Replay
from orchestra.model.events import Envelope


class Audience:
    """The run's record, kept first, then subscribers; `ticker` is called with UTC seconds.

    One that raises is dropped, and `dropped` says which and why, once.
    """

    def __init__(
        self,
        replay: Replay,
        subscribers: Sequence[Subscriber],
        ticker: Optional[Callable[[float], None]] = None,
    ) -> None:
        self.dropped: List[str] = []
        self._replay = replay
        self._subscribers = list(subscribers)
        self._ticker = ticker

    @property
    def ticks(self) -> bool:
        """Whether someone wants to be called from time to time."""
        return self._ticker is not None

    def tell(self, envelopes: Sequence[Envelope]) -> None:
        """Hand the envelopes of a turn to each."""
        if not envelopes:
            return
        self._replay.apply(envelopes)
        for subscriber in list(self._subscribers):
            try:
                subscriber.handle(envelopes)
            except Exception as fault:  # whatever a listener does, the run goes on
                self._subscribers.remove(subscriber)
                self._note(type(subscriber).__name__, fault)

    def tick(self, at: float) -> None:
        """Let what is shown be brought up to date."""
        if self._ticker is not None:
            try:
                self._ticker(at)
            except Exception as fault:  # whatever a listener does, the run goes on
                self._ticker = None
                self._note("the live view", fault)

    def close(self) -> None:
        """The run is over."""
        subscribers, self._subscribers = self._subscribers, []
        for subscriber in subscribers:
            try:
                subscriber.close()
            except Exception as fault:  # whatever a listener does, the run goes on
                self._note(type(subscriber).__name__, fault)

    def _note(self, name: str, fault: Exception) -> None:
        self.dropped.append(
            "%s failed and was dropped: %s: %s" % (name, type(fault).__name__, fault)
        )
