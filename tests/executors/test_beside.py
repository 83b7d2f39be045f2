"""The executor of this machine beside one whose engine runs attempts on this machine too."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Iterator

import pytest

from orchestra.engine.ports import Ended
from orchestra.executors.hosted import HostedExecutor
from orchestra.executors.known import Opening
from orchestra.executors.local import LocalExecutor
from orchestra.executors.mixed import MixedExecutor
from orchestra.model.run import AttemptKey
from tests.executors.hosted_bench import Bench, wait_for
from tests.executors.workbench import is_alive

A, B = AttemptKey("a", 1), AttemptKey("b", 1)


class MixedBench(Bench):
    """The executor of this machine, which takes the ends of all children, beside a hosted one."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.executor.close()
        self.local = LocalExecutor(self.run_id, folder=str(folder))
        there = HostedExecutor(
            Opening("process", "tests.executors.process_place"),
            {},
            self.run_id,
            str(folder),
            environ=dict(os.environb),
            on_hired=self._hire,
        )
        self.mixed = MixedExecutor(self.local, {"process": there})
        self.executor = self.mixed  # type: ignore[assignment]  # what it is asked they all have

    def _hire(self, pid: int) -> None:
        self.pids.append(pid)
        self.local.hire(pid)

    def submit_here(self, script: str) -> None:
        """Start the attempt `b` on this machine."""
        self.mixed.submit([(B, self.invocation(B, script)._replace(errand=None))])


@pytest.fixture
def mixed_bench(tmp_path: Path) -> Iterator[MixedBench]:
    bench = MixedBench(tmp_path)
    yield bench
    bench.mixed.close()


def test_a_helper_beside_the_executor_of_this_machine_is_left_alone(
    mixed_bench: MixedBench,
) -> None:
    mixed_bench.submit(a="exit 3")
    mixed_bench.submit_here("sleep 1.5; exit 4")
    mixed_bench.until(lambda: len(mixed_bench.of(Ended)) == 2)

    assert {each.key: each.exit_code for each in mixed_bench.of(Ended)} == {A: 3, B: 4}
    assert len(mixed_bench.pids) == 1
    mixed_bench.mixed.close()
    assert not Path("/proc/%d" % mixed_bench.pids[0]).exists()


def test_what_a_step_elsewhere_leaves_on_this_machine_harms_no_step_and_goes_with_the_run(
    mixed_bench: MixedBench,
) -> None:
    mixed_bench.submit(a="sleep 1000 & echo $! >pid; while [ ! -e go ]; do sleep 0.02; done")
    wait_for(mixed_bench.folder / "pid")
    mixed_bench.submit_here("exit 4")  # whose end has orphans looked for
    mixed_bench.until(lambda: len(mixed_bench.of(Ended)) == 1)
    (mixed_bench.folder / "go").touch()

    mixed_bench.until(lambda: len(mixed_bench.of(Ended)) == 2)

    assert {each.key: each.exit_code for each in mixed_bench.of(Ended)} == {A: 0, B: 4}
    mixed_bench.mixed.close()
    assert not is_alive(int((mixed_bench.folder / "pid").read_text()))


def test_steps_of_an_engine_on_this_machine_outlive_its_helper(mixed_bench: MixedBench) -> None:
    mixed_bench.submit(a="echo >>ran; while [ ! -e go ]; do sleep 0.02; done; exit 5")
    wait_for(mixed_bench.folder / "ran")
    os.kill(mixed_bench.pids[0], signal.SIGKILL)
    mixed_bench.until(lambda: len(mixed_bench.pids) == 2)
    mixed_bench.submit_here("exit 4")
    mixed_bench.until(lambda: len(mixed_bench.of(Ended)) == 1)
    (mixed_bench.folder / "go").touch()

    mixed_bench.until(lambda: len(mixed_bench.of(Ended)) == 2)

    assert {each.key: each.exit_code for each in mixed_bench.of(Ended)} == {A: 5, B: 4}
    assert (mixed_bench.folder / "ran").read_text() == "\n"
