"""The harness finds the engine, and takes no step that is being started for it."""

from __future__ import annotations

import subprocess
import sys

from tests.faults.trial import engine_of, wait_until

FORKS = """
import os, time
pid = os.fork()
if pid == 0:
    os.setpgid(0, 0)
    time.sleep(1000)
os.write(1, b"%d\\n" % pid)
os.waitpid(pid, 0)
"""
SPAWNS = """
import os, subprocess
os.write(1, b"ready\\n")
while True:
    subprocess.run(["true"])
"""


def test_a_copy_that_stays_is_the_engine() -> None:
    with subprocess.Popen([sys.executable, "-c", FORKS], stdout=subprocess.PIPE) as keeper:
        assert keeper.stdout is not None
        copy = int(keeper.stdout.readline())
        try:
            wait_until(lambda: engine_of(keeper.pid) == copy, "it is not found")
        finally:
            subprocess.run(["kill", "-9", str(copy)], check=True)


def test_a_process_that_starts_others_is_its_own_engine() -> None:
    with subprocess.Popen([sys.executable, "-c", SPAWNS], stdout=subprocess.PIPE) as engine:
        assert engine.stdout is not None
        engine.stdout.readline()
        found = {engine_of(engine.pid) for _ in range(100)}
        engine.kill()
    assert found == {engine.pid}
