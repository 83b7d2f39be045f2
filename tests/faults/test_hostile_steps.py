"""Steps that do not want to end: however the run ends, nothing of them is left."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from pathlib import Path
from typing import List

import pytest

from tests.cli.commandline import without_hint
from tests.faults import oracle
from tests.faults.trial import Ended, Trial, wait_until

HOSTILE = Path(__file__).resolve().parent / "hostile"
KINDS = sorted(path.name for path in HOSTILE.iterdir() if path.stem != "stay")

WORKFLOW = """
version: 1
steps:
  hostile:
    command: [%s, %s, %s]
    timeout: %s
    stop: {grace: 200ms}
  beside: {run: sleep 0.3}
"""


class Mischief:
    """A run with a hostile step in it."""

    def __init__(self, folder: Path) -> None:
        self._trial = Trial(folder, "")
        self._ready = folder / "ready"
        self._trial.environ["READY"] = str(self._ready)

    def end(self, script: str) -> Ended:
        """The step ends by itself."""
        self._write(script, "end", "1h")
        return self._trial.run("run", "p.yaml")

    def time_out(self, script: str) -> Ended:
        """The step is ended by its timeout."""
        self._write(script, "stay", "700ms")
        return self._trial.run("run", "p.yaml")

    def interrupt(self, script: str) -> Ended:
        """The run is ended by ctrl-C."""
        self._write(script, "stay", "1h")
        process = self._trial.start("run", "p.yaml")
        wait_until(self._ready.exists, "the step did not begin")
        process.send_signal(signal.SIGINT)
        return self._trial.end(process)

    def left(self) -> List[str]:
        """What is alive of it."""
        return oracle.leftovers(b"READY=" + os.fsencode(self._ready))

    def _write(self, script: str, manner: str, timeout: str) -> None:
        program = "sh" if script.endswith(".sh") else sys.executable
        words = (shlex.quote(program), shlex.quote(str(HOSTILE / script)), manner, timeout)
        (self._trial.folder / "p.yaml").write_text(WORKFLOW % words, encoding="utf-8")


@pytest.fixture
def mischief(tmp_path: Path) -> Mischief:
    return Mischief(tmp_path)


@pytest.mark.parametrize("script", KINDS)
def test_nothing_is_left_when_it_ends(mischief: Mischief, script: str) -> None:
    ended = mischief.end(script)

    assert mischief.left() == []
    assert (ended.code, ended.err) == (0, "")


@pytest.mark.parametrize("script", KINDS)
def test_nothing_is_left_when_it_is_timed_out(mischief: Mischief, script: str) -> None:
    ended = mischief.time_out(script)

    assert mischief.left() == []
    assert (ended.code, without_hint(ended.err)) == (1, "")
    assert "timed out" in ended.out


@pytest.mark.parametrize("script", KINDS)
def test_nothing_is_left_when_it_is_interrupted(mischief: Mischief, script: str) -> None:
    ended = mischief.interrupt(script)

    assert mischief.left() == []
    assert (ended.code, without_hint(ended.err)) == (130, "")


REMOVED = """
version: 1
steps:
  rude: {run: 'echo here; rm -rf "${{ run.dir }}"'}
  beside: {run: sleep 0.3; echo late}
  after: {needs: [rude, beside], run: echo never}
"""


def test_a_run_whose_folder_is_removed_ends_with_3_and_says_why(tmp_path: Path) -> None:
    trial = Trial(tmp_path, REMOVED)

    ended = trial.run("run", "p.yaml")

    assert ended.code == 3
    assert oracle.leftovers(b"HOME=" + os.fsencode(tmp_path)) == []
    assert "Traceback" not in ended.err
    assert "after" in ended.out
    assert "No such file or directory" in ended.out + ended.err


def test_a_run_whose_state_is_removed_ends_with_3_and_says_why(tmp_path: Path) -> None:
    trial = Trial(tmp_path, REMOVED.replace("${{ run.dir }}", str(tmp_path / ".orchestra")))

    ended = trial.run("run", "p.yaml")

    assert ended.code == 3
    assert oracle.leftovers(b"HOME=" + os.fsencode(tmp_path)) == []
    assert "Traceback" not in ended.err
    assert "runs.db: it was deleted or moved away" in ended.err
