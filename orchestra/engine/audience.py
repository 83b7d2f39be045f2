"""Everyone who is told of events after they are recorded. None of them can harm the run."""

from __future__ import annotations

from typing import List, Sequence

from orchestra.engine.ports import Subscriber
from orchestra.model.events import Envelope


class Audience:
    """Subscribers; one that raises is dropped, and `dropped` says which and why, once."""

    def __init__(self, subscribers: Sequence[Subscriber]) -> None:
        self._subscribers = list(subscribers)
        self.dropped: List[str] = []

    def tell(self, envelopes: Sequence[Envelope]) -> None:
        """Hand the envelopes of a turn to each."""
        for subscriber in list(self._subscribers):
            try:
                subscriber.handle(envelopes)
            except Exception as fault:  # whatever a listener does, the run goes on
                self._drop(subscriber, fault)

    def tick(self, now: float) -> None:
        """Let each bring up to date what it shows."""
        for subscriber in list(self._subscribers):
            try:
                subscriber.tick(now)
            except Exception as fault:  # whatever a listener does, the run goes on
                self._drop(subscriber, fault)

    def close(self) -> None:
        """The run is over."""
        while self._subscribers:
            subscriber = self._subscribers[-1]
            try:
                subscriber.close()
                self._subscribers.pop()
            except Exception as fault:  # whatever a listener does, the run goes on
                self._drop(subscriber, fault)

    def _drop(self, subscriber: Subscriber, fault: Exception) -> None:
        self._subscribers.remove(subscriber)
        name = type(subscriber).__name__
        self.dropped.append(
            "%s failed and was dropped: %s: %s" % (name, type(fault).__name__, fault)
        )
