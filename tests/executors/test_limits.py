"""Many steps, and little room for them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import List

import pytest

from tests.executors.lone_engine import run_alone
from tests.executors.workbench import Workbench


def test_300_quick_steps_run_at_once(bench: Workbench) -> None:
    keys = [bench.start("sh", "-c", "echo %d" % number) for number in range(300)]

    logs = [bench.log(ended) for ended in bench.ends_of(keys)]

    assert logs == [b"%d\n" % number for number in range(300)]
    assert bench.executor.running() == 0


@pytest.mark.parametrize("limit", [16, 64])
def test_few_descriptors_mean_fewer_steps_at_once_and_no_failure(
    tmp_path: Path, limit: int
) -> None:
    found = run_alone(
        tmp_path, argv=["sh", "-c", "echo x; exit 3"], count=100, limits={"RLIMIT_NOFILE": limit}
    )

    assert (found["ends"], found["faults"]) == ({"3": 100}, [])


def test_a_limit_of_processes_means_fewer_steps_at_once_and_no_failure(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)

    found = run_alone(tmp_path, argv=["sleep", "0.02"], count=30, spare_processes=3)

    assert (found["ends"], found["faults"]) == ({"0": 30}, [])
    assert found["most_children"] <= 3


def test_5000_steps_leave_nothing_behind(tmp_path: Path) -> None:
    found = run_alone(tmp_path, argv=["true"], count=5000, at_once=8)

    assert (found["ends"], found["faults"]) == ({"0": 5000}, [])
    grown = {name: found["after"][name] - found["before"][name] for name in found["after"]}
    assert grown.pop("memory_kib") < 4096
    assert grown == {"descriptors": 0, "threads": 0, "children": 0}


@pytest.mark.parametrize(
    "script", ["yes | head -c 300M", "head -c 200M /dev/zero"], ids=["lines", "no-newline"]
)
def test_memory_stays_flat_under_a_flood(tmp_path: Path, script: str) -> None:
    found = run_alone(tmp_path, argv=["sh", "-c", script], count=1)

    assert found["ends"] == {"0": 1}
    assert (tmp_path / "s1.log").stat().st_size >= 200 * 2**20
    assert found["after"]["memory_kib"] - found["before"]["memory_kib"] < 4096
    os.unlink(str(tmp_path / "s1.log"))


@pytest.mark.parametrize(
    ("redirection", "closed"), [("<&-", [0]), (">&- 2>&-", [1, 2]), ("<&- >&- 2>&-", [0, 1, 2])]
)
def test_steps_run_where_the_standard_streams_are_closed(
    tmp_path: Path, redirection: str, closed: List[int]
) -> None:
    wrapper = ["sh", "-c", 'exec "$0" "$@" %s' % redirection]

    found = run_alone(
        tmp_path, wrapper, argv=["sh", "-c", "cat; echo out; echo err >&2; exit 3"], count=3
    )

    assert found["ends"] == {"3": 3}
    assert (tmp_path / "s1.log").read_bytes() == b"out\nerr\n"
    assert [found["standard"][number] for number in closed] == ["/dev/null"] * len(closed)


def test_steps_run_where_signals_are_ignored(tmp_path: Path) -> None:
    wrapper = ["sh", "-c", 'trap \'\' CHLD INT HUP PIPE QUIT USR1; exec "$0" "$@"']

    found = run_alone(tmp_path, wrapper, argv=["sh", "-c", "kill -INT $$"], count=3)

    assert found["ends"] == {"SIGINT": 3}
