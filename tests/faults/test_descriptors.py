"""Too few descriptors: fewer steps at once, or an end in words."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Callable

import pytest

from tests.faults.trial import Trial

HUNDRED = "version: 1\nsteps:\n" + "".join(
    "  s%d: {run: sleep 0.01; echo %d, shell: sh}\n" % (n, n) for n in range(100)
)
TOO_FEW = "error: only %d files may be open at once\n  help: allow more: ulimit -n 256\n"


def limited(most: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@pytest.mark.parametrize("descriptors", [64, 32, 24])
def test_few_descriptors_mean_fewer_steps_at_once_and_no_failure(
    tmp_path: Path, descriptors: int
) -> None:
    trial = Trial(tmp_path, HUNDRED)
    limit = limited(descriptors)

    ended = trial.run("run", "p.yaml", "-j64", "--output", "quiet", preexec_fn=limit)

    assert ended.code == 0
    assert ended.err.startswith("p succeeded: 100 succeeded in ")


@pytest.mark.parametrize("descriptors", [16, 12, 10, 9, 8, 7, 6])
def test_next_to_no_descriptors_are_an_end_in_words(tmp_path: Path, descriptors: int) -> None:
    trial = Trial(tmp_path, HUNDRED)
    limit = limited(descriptors)

    ended = trial.run("run", "p.yaml", "-j64", "--output", "quiet", preexec_fn=limit)

    assert (ended.code, ended.out) == (3, "")
    assert ended.err == TOO_FEW % descriptors
    assert trial.run_ids() == []
