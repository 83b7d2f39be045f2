"""What meets orchestra before it has begun, and after all is done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.trial import ROOT

IMPORT = """
import dataclasses, os, signal, sys
dataclasses.Field.__set_name__ = lambda *_: os.kill(os.getpid(), signal.SIGINT)
from orchestra.cli.app import main
sys.argv[1:] = ["runs"]
main()
"""


def test_an_interrupt_in_the_middle_of_an_import_is_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT],
        cwd=tmp_path,
        env={"PYTHONPATH": ROOT},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "")


LATE = """
import os
from orchestra.cli.app import main
from orchestra.engine.signals import SignalInbox
leave = SignalInbox.__exit__
def left(inbox, *how):
    leave(inbox, *how)
    os.kill(os.getpid(), NUMBER)
SignalInbox.__exit__ = left
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_after_all_is_recorded_changes_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "p.yaml").write_text("version: 1\nsteps:\n  a: {run: 'true', shell: sh}\n")
    program = LATE.replace("NUMBER", str(int(number)))
    done = subprocess.run(
        [sys.executable, "-c", program, "run", "p.yaml", "--output", "quiet"],
        cwd=tmp_path,
        env={"PYTHONPATH": ROOT, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr.startswith("p succeeded")
