"""What meets orchestra before it has begun."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
