"""How Slurm's programs fail, told apart; small scripts stand for them."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from orchestra.executors.slurm_client import SlurmClient, SlurmRefusal, SlurmSilence

Saying = Callable[[str], SlurmClient]


@pytest.fixture
def saying(tmp_path: Path) -> Saying:
    """A client whose sbatch fails with these words."""

    def make(words: str) -> SlurmClient:
        program = tmp_path / "sbatch"
        (tmp_path / "words").write_text(words)
        program.write_text("#!/bin/sh\ncat '%s/words' >&2\nexit 1\n" % tmp_path)
        program.chmod(0o755)
        return SlurmClient({"PATH": "%s:/usr/bin:/bin" % tmp_path})

    return make


@pytest.mark.parametrize(
    "words",
    [
        "Batch job submission failed: Unable to contact slurm controller (connect failure)",
        "Batch job submission failed: Socket timed out on send/recv operation",
        "Batch job submission failed: Zero Bytes were transmitted or received",
        "Batch job submission failed: Protocol authentication error",
        "Slurm temporarily unable to accept job, sleeping and retrying",
        "AssocMaxSubmitJobLimit\nsbatch: error: Job violates accounting/QOS policy",
    ],
)
def test_no_answer_and_an_answer_for_now_are_silence(saying: Saying, words: str) -> None:
    with pytest.raises(SlurmSilence):
        saying("sbatch: error: %s\n" % words).ask("sbatch")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (
            "sbatch: error: invalid partition specified: x\n"
            "sbatch: error: Batch job submission failed: Invalid partition name specified\n",
            "invalid partition specified: x; Invalid partition name specified",
        ),
        (
            "allocation failure: Requested node configuration is not available\n",
            "Requested node configuration is not available",
        ),
        ("", "sbatch ended with 1"),
    ],
)
def test_a_no_is_a_refusal_and_says_why(saying: Saying, words: str, reason: str) -> None:
    with pytest.raises(SlurmRefusal) as caught:
        saying(words).ask("sbatch")

    assert str(caught.value) == reason


def test_a_program_that_is_not_there_is_silence(tmp_path: Path) -> None:
    client = SlurmClient({"PATH": str(tmp_path)})

    with pytest.raises(SlurmSilence):
        client.ask("no-such-program-of-slurm")
    assert not client.is_up()
    assert client.missing() == ["sbatch", "squeue", "scancel", "scontrol"]
