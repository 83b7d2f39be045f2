"""Timers: set, moved, forgotten, fired."""

from __future__ import annotations

from orchestra.engine.stimuli import Timer
from orchestra.engine.timers import Timers
from orchestra.model.run import AttemptKey

A = Timer("timeout", AttemptKey("a", 1))
B = Timer("grace", AttemptKey("a", 1))


def test_timers_fire_once_in_the_order_of_their_times():
    timers = Timers()
    timers.set(A, 5.0)
    timers.set(B, 3.0)
    assert (timers.next_due(), timers.due(2.9)) == (3.0, [])
    assert timers.due(5.0) == [B, A]
    assert (timers.next_due(), timers.due(99.0)) == (None, [])


def test_a_timer_that_is_set_again_is_moved():
    timers = Timers()
    timers.set(A, 1.0)
    timers.set(A, 4.0)
    assert timers.due(3.0) == []
    assert (timers.next_due(), timers.due(4.0), timers.due(9.0)) == (4.0, [A], [])


def test_a_timer_that_is_forgotten_never_fires():
    timers = Timers()
    timers.set(A, 1.0)
    timers.set(B, 2.0)
    timers.cancel(A)
    timers.cancel(Timer("run", None))
    assert (timers.next_due(), timers.due(9.0)) == (2.0, [B])
