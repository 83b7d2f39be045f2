"""The starter of clusters: what it starts is there, and is gone after it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import List

import pytest

from tests.slurm.engine import need_slurm

COMMAND = [sys.executable, "-m", "tests.slurm.cluster", "--nodes", "3", "--gpus", "2"]
ROOT = str(Path(__file__).parents[2])
LIMIT_S = 180.0


@pytest.fixture(autouse=True)
def installed() -> None:
    need_slurm()


def pids_of(folder: str) -> List[str]:
    """The processes whose command lines or environments name a folder."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            known = Path("/proc", pid, "cmdline").read_bytes()
            known += Path("/proc", pid, "environ").read_bytes()
        except OSError:
            continue
        if folder.encode() in known:
            found.append(pid)
    return found


def test_a_command_has_a_cluster_and_its_exit_code_is_handed_on() -> None:
    script = """
    echo $SLURM_CONF
    sinfo -h -p main -o '%D %c %m %G'
    sbatch -o /dev/null --wrap 'sleep 99' >/dev/null
    exit 3
    """
    done = subprocess.run(
        [*COMMAND, "--cpus", "2", "--mem", "1000", "--licenses", "db:1", "--", "sh", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    conf, nodes = done.stdout.splitlines()
    assert (done.returncode, done.stderr, nodes) == (3, "", "3 2 1000 gpu:2")
    assert pids_of(os.path.dirname(conf)) == []
    assert not os.path.exists(os.path.dirname(conf))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_cluster_and_its_jobs(number: signal.Signals) -> None:
    script = (
        "sbatch -o /dev/null --wrap 'exec sleep 99' >/dev/null; echo $SLURM_CONF; exec sleep 99"
    )
    with subprocess.Popen(
        [*COMMAND, "--", "sh", "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        folder = os.path.dirname(process.stdout.readline().strip())
        process.send_signal(number)
        code = process.wait(LIMIT_S)

    assert code == 128 + number
    deadline = time.monotonic() + LIMIT_S
    while pids_of(folder):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not os.path.exists(folder)
