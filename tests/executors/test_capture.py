"""What a program writes is taken, whatever it does; nothing of it is alive afterwards."""

from __future__ import annotations

import os
import sys
import time

import pytest

from orchestra.executors.capture import CaptureFault, CaptureStopped, capture
from tests.executors.workbench import STEPS, pids_marked

SH = ("sh", "-c")


@pytest.fixture
def take(run_id, tmp_path):
    """Captures in a folder of its own; afterwards no process may be left."""
    quiet, other = os.pipe()

    def take(*argv, timeout_s=30.0, stop_fd=quiet):
        environ = {**os.environ, "ORCHESTRA_RUN_ID": run_id}
        options = {"timeout_s": timeout_s, "most_bytes": 1000, "stop_fd": stop_fd}
        return capture(argv, environ, str(tmp_path), **options)

    yield take
    os.close(quiet)
    os.close(other)
    assert pids_marked(run_id) == []


@pytest.mark.parametrize(
    ("script", "written"),
    [
        ("echo hunter22", b"hunter22\n"),
        ("echo loud >&2; printf quiet", b"quiet"),
        ("pwd -P >/dev/null; cat; cat f 2>/dev/null || true", b""),
        ("exec >&-", b""),
        ("printf '%01000d' 0", b"0" * 1000),
        ("printf a; sleep 0.2; printf b", b"ab"),
        ("sleep 100 & echo hunter22", b"hunter22\n"),
        ("(sleep 100; echo late) & exec >&-", b""),
    ],
)
def test_what_a_program_writes_to_its_standard_output_is_taken(take, script, written):
    assert take(*SH, script) == written


def test_a_program_runs_in_the_folder_without_a_shell(take, tmp_path):
    (tmp_path / "mine").write_text('#!/bin/sh\necho "$1" in "$PWD"\n')
    (tmp_path / "mine").chmod(0o700)
    assert take("./mine", "$HOME") == b"$HOME in %s\n" % os.fsencode(os.path.realpath(tmp_path))


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (("nowhere-to-be-found",), "cannot be started: No such file or directory"),
        (("/",), "cannot be started: Permission denied"),
        ((*SH, "echo hunter22; exit 3"), "ended with code 3; what it says is not shown"),
        ((*SH, "kill -9 $$"), "ended with SIGKILL; what it says is not shown"),
        ((*SH, "yes hunter22"), "writes more than 1000 bytes"),
    ],
)
def test_a_program_that_fails_gives_nothing(take, argv, reason):
    with pytest.raises(CaptureFault) as caught:
        take(*argv)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "argv",
    [
        (*SH, "echo hunter22; sleep 100"),
        (*SH, "trap '' TERM INT; sleep 100 & wait"),
        (sys.executable, str(STEPS / "forks_while_dying.py")),
    ],
)
def test_a_program_that_does_not_end_is_killed_with_its_tree(take, argv):
    begun = time.monotonic()
    with pytest.raises(CaptureFault) as caught:
        take(*argv, timeout_s=0.5)
    assert caught.value.reason == "has not ended after 0.5 s"
    assert time.monotonic() - begun < 20


def test_a_daemon_is_killed_too(take):
    fork = "import os, time; os.fork() or os.setsid() or os.fork() or time.sleep(100); print('x')"
    assert take(sys.executable, "-c", fork).startswith(b"x")


def test_it_is_given_up_when_there_is_reason_to(take):
    reader, writer = os.pipe()
    os.write(writer, b"!")
    with pytest.raises(CaptureStopped):
        take(*SH, "sleep 100", stop_fd=reader)
    os.close(reader)
    os.close(writer)
