"""What is rendered of an attempt that another machine is to run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from orchestra.engine.ports import Launching
from orchestra.model.errand import Errand
from orchestra.model.expression import parse
from orchestra.model.run import Invocation
from orchestra.model.workflow import Body, Command, PythonCode, ShellScript, Slot, Splice
from orchestra.steps.renderer import StepRenderer
from tests.steps.attempts import Ran, an_attempt, run

ERRAND = Errand("slurm", {"partition": "p"}, 2500, 2**30, 2)
ENVIRON = {
    "PATH": os.defpath,
    "CUDA_VISIBLE_DEVICES": "7",
    "SLURM_JOB_ID": "12",
    "SLURM_CONF": "/etc/slurm.conf",
    "SLURMD_NODENAME": "n1",
}


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    for name in ("logs", "outputs", "private"):
        (tmp_path / "run" / name).mkdir(parents=True)
    return tmp_path / "run"


@pytest.fixture
def renderer(run_dir: Path, tmp_path: Path) -> StepRenderer:
    return StepRenderer(str(run_dir), "r1", str(tmp_path), ENVIRON)


def an_errand(body: Body, **fields: Any) -> Launching:
    fields.setdefault("inherit_env", True)
    attempt = an_attempt(body, demand={"executor:slurm": 1}, executor="slurm", **fields)
    return attempt._replace(errand=ERRAND)


def own(invocation: Invocation) -> tuple:
    """What only this machine has of an invocation."""
    return invocation[4:9]


def test_the_errand_goes_with_what_this_machine_has_left_out(renderer: StepRenderer) -> None:
    attempt = an_errand(
        PythonCode("pass", preload=("decimal",)), enforce=True, resources={"memory": 2**30}
    )
    invocation = renderer.render(attempt)
    assert invocation.errand == ERRAND
    assert own(invocation) == (None, None, None, None, None)


@pytest.mark.parametrize("script", ["expr 1 + 1", "echo $((1 + 1))"])
def test_a_script_is_read_by_its_shell_which_is_found_there(
    renderer: StepRenderer, script: str
) -> None:
    invocation = renderer.render(an_errand(ShellScript((script,))))
    assert own(invocation) == (None, None, None, None, None)
    assert (invocation.argv[0], invocation.argv[-1]) == (b"bash", script.encode())
    assert run(invocation) == Ran(0, "2\n", "")


def test_what_speaks_of_this_machine_is_not_inherited(renderer: StepRenderer) -> None:
    attempt = an_errand(Command(("env",)), resources={"gpu": 2, "cpu": 2500})
    env = renderer.render(attempt).env
    assert env.keys() & {name.encode() for name in ENVIRON} == {b"PATH", b"SLURM_CONF"}
    assert (env[b"ORCHESTRA_CPUS"], env[b"OMP_NUM_THREADS"]) == (b"3", b"3")


def test_what_the_file_says_of_devices_is_handed_over(renderer: StepRenderer) -> None:
    attempt = an_errand(Command(("env",)), env={"CUDA_VISIBLE_DEVICES": "0"})
    assert renderer.render(attempt).env[b"CUDA_VISIBLE_DEVICES"] == b"0"


def test_private_files_lie_in_the_folder_of_the_run(renderer: StepRenderer, run_dir: Path) -> None:
    script = ShellScript(("printf %s ", Slot(parse("params.x"), Splice.WORD), " | wc -c"))
    invocation = renderer.render(an_errand(script, names={"params": {"x": "y" * 200_000}}))
    assert os.listdir(run_dir / "private") == ["build.1.values"]
    assert run(invocation) == Ran(0, "200000\n", "")
