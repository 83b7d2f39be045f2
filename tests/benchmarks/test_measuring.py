"""A cost is that of the whole tree, and of nothing else."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest

from tests.benchmarks.contenders import Contender
from tests.benchmarks.measuring import measure

BUSY = "import time\nwhile time.process_time() < 0.3: pass"


def test_cpu_of_a_child_s_child_counts():
    tree = ["/bin/sh", "-c", '"$@"; exit 0', "sh", sys.executable, "-c", BUSY]
    assert measure(Contender("busy", tree, int)).cpu_s >= 0.3


def test_memory_is_that_of_the_program_alone():
    small = measure(Contender("small", ["/bin/true"], int)).peak_bytes
    large = measure(Contender("large", [sys.executable, "-c", "b'x' * 10**8"], int)).peak_bytes
    ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert 0 < small < ours * 1024 // 2
    assert large > 10**8


def test_a_program_that_fails_raises_with_what_it_said():
    with pytest.raises(subprocess.CalledProcessError) as caught:
        measure(Contender("bad", ["/bin/sh", "-c", "echo oh >&2; exit 7"], int))
    assert (caught.value.returncode, caught.value.stderr) == (7, "oh\n")


def test_nothing_of_a_program_is_left_at_the_limit(tmp_path):
    held = tmp_path / "held"
    os.mkfifo(held)
    reader = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    script = "exec 3> '%s'; sleep 600; :" % held
    with pytest.raises(subprocess.TimeoutExpired):
        measure(Contender("slow", ["/bin/sh", "-c", script], int), limit_s=0.5)
    assert os.read(reader, 1) == b""  # who still held it would make this raise
    os.close(reader)
