"""Processes that a fork server makes, and whose children they are."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")

MAKES_ONE = """
import os, sys
from orchestra.steps.forking import Maker, use_up_holes
use_up_holes()
told, tells = os.pipe()
pid = Maker(siblings=%s).fork()
if pid is None:
    os.write(tells, b"%%d %%d" %% (os.getpid(), os.getppid()))
    os._exit(0)
own, parent = os.read(told, 100).split()
print(int(own) == pid, int(parent) != os.getpid(), len(os.listdir("/proc/self/fd")))
"""


@pytest.mark.parametrize("siblings", [True, False])
def test_what_is_made_is_no_child_of_its_maker(siblings: bool) -> None:
    made = subprocess.run(
        [sys.executable, "-c", MAKES_ONE % siblings], stdout=subprocess.PIPE, check=True
    )
    # 0 to 2, the pipe, and the folder that is read
    assert made.stdout.split() == [b"True", b"True", b"6"]
