"""Matches a pattern that somebody else wrote, and gives up before it takes for ever.

A pattern such as `(a+)+$` takes twice as long for each letter more. Python's matcher has no bound,
but it looks for signals on its way, and so an alarm ends it. Source: `Modules/_sre/sre_lib.h`.
The alarm counts CPU time: a machine that is busy or asleep for a while makes no pattern a bad one.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Callable, Iterable, Optional, Pattern

LONGEST_MATCH_S = 1.0


class ImpatientError(Exception):
    """The match was given up."""


def matches(pattern: Pattern[str], text: str) -> bool:
    """Whether the pattern matches the whole text; outside the main thread without a bound.

    Raises:
        ImpatientError: that cannot be told within LONGEST_MATCH_S of CPU time.
    """
    return _bounded(lambda: pattern.fullmatch(text) is not None)


def finds(pattern: Pattern[str], lines: Iterable[str]) -> bool:
    """Whether the pattern is found in any of the lines; one bound holds for them all.

    Raises:
        ImpatientError: as for `matches`.
    """
    return _bounded(lambda: any(pattern.search(line) for line in lines))


def _bounded(ask: Callable[[], bool]) -> bool:
    if threading.current_thread() is not threading.main_thread():
        return ask()
    before = signal.signal(signal.SIGVTALRM, _give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, LONGEST_MATCH_S)
    try:
        return ask()
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _give_up(number: int, frame: Optional[FrameType]) -> None:
    raise ImpatientError
