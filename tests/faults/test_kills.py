"""Kill -9 at journal writes and at random moments, resume, ask the oracle.

The whole sweep is `python -m tests.faults.sweep --kills all --random 200`.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from tests.effort import some
from tests.faults import kills
from tests.faults.kills import Point

SEEDS = random.Random(20_261_122).sample(range(10**6), 100)


@pytest.mark.parametrize("number", some(range(1, 110), 10))
def test_a_run_killed_at_a_journal_write_goes_on(tmp_path: Path, number: int) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")

    verdict = kills.kill_at(tmp_path, kills.small_steps(), Point("pwrite64", number))

    assert verdict.broken == []


@pytest.mark.parametrize(("call", "number"), [("rename", 1), ("fdatasync", 2), ("unlink", 1)])
def test_a_run_killed_where_its_record_is_made_or_closed_goes_on(
    tmp_path: Path, call: str, number: int
) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")

    verdict = kills.kill_at(tmp_path, kills.small_steps(), Point(call, number))

    assert verdict.broken == []


@pytest.mark.parametrize("seed", some(SEEDS, 6))
def test_a_run_killed_at_random_goes_on(tmp_path: Path, seed: int) -> None:
    verdict = kills.kill_at_random(tmp_path, random.Random(seed))

    assert verdict.broken == []
