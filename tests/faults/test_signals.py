"""Signals at any moment: an orderly end, the right code, one truth, nothing left, no traceback."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.effort import some
from tests.faults import stops
from tests.faults.stops import SIGNALS, Stop

MOMENTS_MS = some(range(60, stops.SPAN_MS - 200, 5), 6)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("at_ms", MOMENTS_MS)
def test_a_signal_at_any_moment_ends_it_in_order(
    tmp_path: Path, number: signal.Signals, times: int, at_ms: int
) -> None:
    assert stops.stop_at(tmp_path, Stop(number, times, at_ms)) == []
