"""How the end of a process is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestra.engine.ports import Ended, Launched
from orchestra.executors.proc import since_boot_s
from orchestra.executors.process import signal_name
from orchestra.model.run import AttemptKey
from tests.executors.lone_engine import run_alone
from tests.executors.workbench import LIMIT_S, Workbench


def how(ended: Ended) -> Ended:
    """The end without the usage, which is never twice the same."""
    return ended._replace(cpu_s=None, max_rss_bytes=None)


@pytest.mark.parametrize("code", [0, 1, 2, 126, 127, 128, 129, 137, 139, 143, 254, 255])
def test_an_exit_code_comes_back_as_it_is(bench: Workbench, code: int) -> None:
    ended = bench.run("sh", "-c", "exit %d" % code)

    assert how(ended) == Ended(AttemptKey("s1", 1), exit_code=code)


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (6, "SIGABRT"),
        (9, "SIGKILL"),
        (11, "SIGSEGV"),
        (13, "SIGPIPE"),
        (15, "SIGTERM"),
        (37, "SIGRTMIN+3"),
    ],
)
def test_death_by_a_signal_is_no_exit_code(bench: Workbench, number: int, name: str) -> None:
    ended = bench.run("sh", "-c", "kill -%d $$" % number)

    assert how(ended) == Ended(AttemptKey("s1", 1), signal=name)


def test_a_launch_is_told_before_the_end_and_with_the_pid(bench: Workbench) -> None:
    ended = bench.run("sh", "-c", "echo $$")

    launched = bench.told[0]
    assert isinstance(launched, Launched)
    pid = int(bench.log(ended))
    assert bench.told == [Launched(AttemptKey("s1", 1), pid, launched.began_s), ended]
    assert 0 <= since_boot_s() - launched.began_s < LIMIT_S


def test_the_cpu_time_is_that_of_the_step_and_of_the_children_it_waited_for(
    bench: Workbench,
) -> None:
    burn = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"

    ended = bench.run("sh", "-c", "sh -c '%s'; true" % burn)

    assert ended.cpu_s is not None
    assert 0.02 < ended.cpu_s < 20


def test_the_peak_of_memory_is_that_of_the_largest_process(tmp_path: Path) -> None:
    hog = "head -c 100M /dev/zero | tail -c 100M | wc -c"

    found = run_alone(tmp_path, argv=["sh", "-c", hog], count=1)

    (peak,) = found["peaks"]
    assert 100 * 2**20 <= peak <= 120 * 2**20


def test_a_peak_that_is_hidden_behind_our_own_is_not_told(tmp_path: Path) -> None:
    found = run_alone(tmp_path, argv=["true"], count=1)

    assert found["peaks"] == [None]


@pytest.mark.parametrize(
    ("number", "name"), [(1, "SIGHUP"), (9, "SIGKILL"), (34, "SIGRTMIN"), (40, "SIGRTMIN+6")]
)
def test_every_signal_has_a_name(number: int, name: str) -> None:
    assert signal_name(number) == name
