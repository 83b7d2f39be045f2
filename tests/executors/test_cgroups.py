"""Groups of cgroup v2: in a folder that stands for the file system, and in a real one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Dict, Optional

import pytest

from orchestra.engine.ports import Ended
from orchestra.executors.cgroups import ControlGroups, find_control_groups
from orchestra.executors.enforcement import NEVER, Enforcement
from orchestra.executors.proc import Proc
from orchestra.model.run import AttemptKey, Limits

KEY = AttemptKey("a", 1)
PID = str(os.getpid())
MOUNTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine on which the group `/app` was delegated to this process."""
    own = tmp_path / "sys/fs/cgroup/app"
    own.mkdir(parents=True)
    (own / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    (own / "cgroup.subtree_control").write_text("")
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("1:name=systemd:/\n0::/app\n")
    return tmp_path


def home(root: Path) -> Path:
    return root / "sys/fs/cgroup/app" / ("orchestra-" + PID)


def texts(folder: Path) -> Dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def found(root: Path) -> ControlGroups:
    groups = find_control_groups(str(root))
    assert groups is not None
    return groups


def test_the_engine_moves_into_a_leaf_and_controllers_are_handed_down(root: Path) -> None:
    found(root)

    assert (home(root) / "engine/cgroup.procs").read_text() == PID
    for folder in (home(root), home(root).parent):
        assert (folder / "cgroup.subtree_control").read_text() == "+memory +cpu"


def test_a_group_has_the_limits_of_its_attempt(root: Path) -> None:
    found(root).make(Limits(memory_bytes=2**20, cpu=1500))

    assert texts(home(root) / "attempt-1") == {
        "memory.max": "1048576",
        "memory.swap.max": "0",
        "memory.oom.group": "1",
        "cpu.max": "150000 100000",
    }


@pytest.mark.parametrize(("cpu", "text"), [(1, "1000 100000"), (500, "50000 100000")])
def test_a_part_of_a_core_is_a_part_of_each_period(root: Path, cpu: int, text: str) -> None:
    found(root).make(Limits(cpu=cpu))

    assert texts(home(root) / "attempt-1") == {"cpu.max": text}


def test_what_is_started_is_born_in_the_group(root: Path) -> None:
    group = found(root).make(Limits(memory_bytes=2**20))
    procs = home(root) / "attempt-1/cgroup.procs"

    with group.around_spawn():
        inside = procs.read_text()
        (home(root) / "engine/cgroup.procs").write_text("")

    assert (inside, (home(root) / "engine/cgroup.procs").read_text()) == (PID, PID)


def test_without_the_memory_controller_there_is_no_group(root: Path) -> None:
    (home(root).parent / "cgroup.controllers").write_text("hugetlb\n")

    assert find_control_groups(str(root)) is None


def test_a_group_that_is_not_ours_alone_is_left_as_it_was(root: Path) -> None:
    control = home(root).parent / "cgroup.subtree_control"
    control.unlink()
    control.symlink_to("/dev/full")  # as a group with other processes in it refuses controllers

    assert find_control_groups(str(root)) is None
    assert (home(root).parent / "cgroup.procs").read_text() == PID


@pytest.mark.parametrize("text", ["", "4:memory:/x\n", "0::/elsewhere\n"])
def test_a_process_in_no_such_group_has_none(root: Path, text: str) -> None:
    (root / "proc/self/cgroup").write_text(text)

    assert find_control_groups(str(root)) is None


def settled(root: Path, ended: Ended, events: str, peak: Optional[str] = "734003200\n") -> Ended:
    """The end of an attempt whose group says this."""
    enforcement = Enforcement(Proc(), found(root))
    with enforcement.around_spawn(KEY, Limits(memory_bytes=2**29, cpu=500)):
        pass
    folder = home(root) / "attempt-1"
    (folder / "memory.events").write_text(events)
    if peak is not None:
        (folder / "memory.peak").write_text(peak)
    assert (enforcement.sample_at, enforcement.sampled()) == (NEVER, [])
    return enforcement.settle(ended)


def test_a_kill_by_the_kernel_is_out_of_memory_with_the_peak_of_the_group(root: Path) -> None:
    ended = settled(root, Ended(KEY, signal="SIGKILL", max_rss_bytes=5), "low 0\noom_kill 2\n")

    assert (ended.max_rss_bytes, ended.memory_limit_bytes) == (734003200, 2**29)
    assert (home(root) / "attempt-1/cgroup.kill").read_text() == "1"


@pytest.mark.parametrize(
    ("ended", "events"),
    [
        (Ended(KEY, exit_code=0), "oom_kill 0\n"),
        (Ended(KEY, exit_code=1), "oom_kill 1\n"),
        (Ended(KEY, signal="SIGKILL"), "oom_kill 0\n"),
        (Ended(KEY, signal="SIGKILL"), "nonsense\n"),
    ],
)
def test_another_end_is_no_lack_of_memory(root: Path, ended: Ended, events: str) -> None:
    assert settled(root, ended, events).memory_limit_bytes is None


def test_where_the_kernel_tells_no_peak_the_largest_process_is_told(root: Path) -> None:
    ended = settled(root, Ended(KEY, exit_code=0, max_rss_bytes=5), "", peak=None)

    assert ended.max_rss_bytes == 5


def writable_group() -> Optional[str]:
    """The group of this process in a real cgroup v2, if it may be written."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        for mount in MOUNTS if line.startswith("0::") else ():
            path = (mount + line[3:]).rstrip("/")
            if os.access(path + "/cgroup.procs", os.W_OK):
                return path
    return None


def test_a_real_group_holds_kills_and_is_given_back() -> None:
    own = writable_group()
    if own is None:
        assert find_control_groups() is None
        return
    groups = ControlGroups(own, [])  # which controllers there are is the machine's affair
    groups.open()
    group = groups.make(Limits())
    with group.around_spawn():
        child = subprocess.Popen(["sleep", "60"])
    where = Path("/proc/%d/cgroup" % child.pid).read_text()

    group.kill()

    assert child.wait(30) == -9
    group.remove()
    groups.close()
    assert "/orchestra-%s/attempt-1\n" % PID in where
    assert not os.path.exists("%s/orchestra-%s" % (own, PID))
    assert "orchestra-" not in Path("/proc/self/cgroup").read_text()
