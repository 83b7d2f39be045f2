"""Many orchestrators that want the same run: one has it, the others say who does."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import List

from tests.faults import oracle
from tests.faults.trial import Trial, engine_of, kill, wait_until

STARTERS = 50
WAITS = """
version: 1
steps:
  first: {run: 'echo first >> ledger'}
  waits: {needs: first, run: 'echo waits >> ledger; while [ ! -e go ]; do sleep 0.05; done'}
  last: {needs: waits, run: 'echo last >> ledger'}
"""


def test_of_fifty_starters_of_a_run_one_wins_and_the_others_exit_with_4(tmp_path: Path) -> None:
    trial = Trial(tmp_path, WAITS)
    killed = trial.start("run", "p.yaml")
    wait_until(lambda: "waits" in trial.text("ledger"), "the step did not begin")
    killed.send_signal(signal.SIGSTOP)
    kill(engine_of(killed.pid))
    kill(killed.pid)
    killed.wait()
    (run_id,) = trial.run_ids()

    starters = [trial.start("resume", run_id, log=str(number)) for number in range(STARTERS)]
    wait_until(lambda: len(ended(starters)) == STARTERS - 1, "not all but one have ended")
    (tmp_path / "go").touch()
    ends = sorted(trial.end(each, str(number)).code for number, each in enumerate(starters))

    assert ends == [0] + [4] * (STARTERS - 1)
    assert trial.text("ledger").split() == ["first", "waits", "last"]
    assert trial.entry(run_id)["state"] == "succeeded"
    assert oracle.leftovers(b"HOME=" + os.fsencode(tmp_path)) == []


def ended(starters: List[subprocess.Popen[bytes]]) -> List[int]:
    """The codes of those that have come to their ends."""
    return [each.returncode for each in starters if each.poll() is not None]
