"""What a step finds around it: streams, descriptors, signals, session, environment, directory."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Dict, Iterator

import pytest

from tests.executors.workbench import Workbench


@pytest.fixture
def inherited() -> Iterator[int]:
    """A descriptor that this process has from its own parent, so to speak."""
    fd = os.open("/etc/passwd", os.O_RDONLY)
    os.set_inheritable(fd, True)
    yield fd
    os.close(fd)


def signal_sets(status: bytes) -> Dict[str, int]:
    """The masks of a process by name, from the text of its status file.

    Without 32 and 33, which glibc keeps for itself and leaves ignored after posix_spawn.
    """
    lines = [line.split(":\t") for line in status.decode().splitlines()]
    own = 0b11 << 31
    return {line[0]: int(line[1], 16) & ~own for line in lines if line[0] in ("SigBlk", "SigIgn")}


def test_standard_input_is_at_its_end(bench: Workbench) -> None:
    ended = bench.run("sh", "-c", "cat; echo over")

    assert bench.log(ended) == b"over\n"


@pytest.mark.usefixtures("inherited")
def test_a_step_has_descriptors_0_to_2_only(run_id: str, tmp_path: Path) -> None:
    bench = Workbench(run_id, tmp_path)

    ended = bench.run_script("lists_descriptors.py")

    bench.executor.close()
    # 3 is the one with which the step lists them.
    assert bench.log(ended) == b"0 /dev/null\n1 pipe\n2 pipe\n"


def test_a_step_with_a_job_server_has_it_on_3_and_4(bench: Workbench, tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))

    ended = bench.run_script("lists_descriptors.py", job_server=str(tmp_path / "jobs"))

    rest = "3 %s\n4 %s\n" % (tmp_path / "jobs", tmp_path / "jobs.back")
    assert bench.log(ended) == b"0 /dev/null\n1 pipe\n2 pipe\n" + rest.encode()
    assert len(os.listdir("/proc/self/fd")) == before
    assert [path.name for path in tmp_path.iterdir()] == ["s1.1.log"]


def test_signals_are_at_their_defaults(bench: Workbench) -> None:
    ended = bench.run("cat", "/proc/self/status")

    assert signal_sets(bench.log(ended)) == {"SigBlk": 0, "SigIgn": 0}


@pytest.mark.usefixtures("as_before")
def test_what_this_process_ignores_or_blocks_a_step_does_not(run_id: str, tmp_path: Path) -> None:
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGCHLD, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR2])
    bench = Workbench(run_id, tmp_path)

    ended = bench.run("cat", "/proc/self/status")

    bench.executor.close()
    assert signal_sets(bench.log(ended)) == {"SigBlk": 0, "SigIgn": 0}
    assert signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN
    assert signal.SIGCHLD in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_a_step_leads_a_session_and_a_group_of_its_own(bench: Workbench) -> None:
    ended = bench.run("sh", "-c", 'echo $$; cut -d" " -f5,6,7 /proc/$$/stat')

    pid, group, session, terminal = map(int, bench.log(ended).split())
    assert (group, session, terminal) == (pid, pid, 0)


def test_the_environment_is_the_one_given_and_nothing_else(bench: Workbench) -> None:
    values = {"A": "", "B": "two\nlines", "C": "a=b", "D": "\udcff\udcfe", "E": "Zoë"}

    ended = bench.run("/usr/bin/env", "-0", env=values, bare=True)

    assert bench.log(ended) == b"A=\0B=two\nlines\0C=a=b\0D=\xff\xfe\0E=Zo\xc3\xab\0"


def test_arguments_arrive_byte_for_byte(bench: Workbench) -> None:
    words = [
        b"-n",
        b"",
        b" a  b ",
        b"$(id)",
        b"`id`",
        b"'\"\\",
        b"a\nb",
        b"\xff\xc3",
        b"*",
        b"x" * 131071,
    ]

    ended = bench.run("printf", "%s\\0", *words)

    assert bench.log(ended) == b"".join(word + b"\0" for word in words)


def test_each_step_runs_in_its_own_directory_and_we_stay_in_ours(
    bench: Workbench, tmp_path: Path
) -> None:
    here = os.getcwd()
    other = tmp_path / "a b\n'"
    other.mkdir()

    keys = [bench.start("pwd", working_dir=str(folder)) for folder in (other, "/", here, other)]

    logs = [bench.log(ended).decode()[:-1] for ended in bench.ends_of(keys)]
    assert logs == [str(other), "/", here, str(other)]
    assert os.getcwd() == here


def test_a_step_gets_the_signal_of_a_broken_pipe(bench: Workbench) -> None:
    ended = bench.run("bash", "-c", "yes | true; echo ${PIPESTATUS[0]}")

    assert bench.log(ended) == b"141\n"


def test_steps_run_where_our_own_directory_has_gone(
    run_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    bench = Workbench(run_id, tmp_path)

    ended = bench.run("pwd", working_dir="/usr")

    bench.executor.close()
    assert bench.log(ended) == b"/usr\n"


def test_a_step_may_delete_its_directory(bench: Workbench, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()

    ended = bench.run("rmdir", tmp_path / "mine", working_dir=str(tmp_path / "mine"))

    assert ended.exit_code == 0
