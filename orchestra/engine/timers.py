"""Timers that wait in one heap. Holds times the caller gives; has no clock of its own."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Dict, List, Optional, Tuple

from orchestra.engine.stimuli import Timer


class Timers:
    """Set, forgotten and fired; one that was forgotten costs nothing until its time would come."""

    def __init__(self) -> None:
        self._heap: List[Tuple[float, int, Timer]] = []
        self._ticket_by_timer: Dict[Timer, int] = {}
        self._tickets = 0

    def set(self, timer: Timer, due: float) -> None:
        """Fire `timer` at `due`; setting it again moves it."""
        self._tickets += 1
        self._ticket_by_timer[timer] = self._tickets
        heappush(self._heap, (due, self._tickets, timer))

    def cancel(self, timer: Timer) -> None:
        """Forget a timer; nothing happens if it is not set."""
        self._ticket_by_timer.pop(timer, None)

    def due(self, now: float) -> List[Timer]:
        """The timers whose time has come, in order; they are set no longer."""
        fired = []
        while self._heap and (self._heap[0][0] <= now or self._is_stale()):
            _, ticket, timer = heappop(self._heap)
            if self._ticket_by_timer.get(timer) == ticket:
                del self._ticket_by_timer[timer]
                fired.append(timer)
        return fired

    def next_due(self) -> Optional[float]:
        """When the next timer fires, None where none is set."""
        while self._heap and self._is_stale():
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def _is_stale(self) -> bool:
        _, ticket, timer = self._heap[0]
        return self._ticket_by_timer.get(timer) != ticket
