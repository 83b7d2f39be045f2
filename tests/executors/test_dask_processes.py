from __future__ import annotations

import os
import signal
import subprocess
from typing import List

from orchestra.executors.dask_processes import (
    KILL,
    LIST,
    Process,
    is_alive,
    members,
    processes,
    targets,
)
from orchestra.executors.errands import Claim

_STAT = "100 (a b) c) S 1 100 100 0" + " 0" * 14 + " 777 0"
_CLAIM = Claim("node", 100, 0.0, _STAT)
_OWNER = Process(100, 1, 100, 100, "777")


def test_the_list_has_this_process_with_its_parent_group_and_session() -> None:
    listed = {process.pid: process for process in processes(_run(LIST))}

    this = listed[os.getpid()]
    assert (this.parent, this.group) == (os.getppid(), os.getpgid(0))
    assert this.session == os.getsid(0)


def test_a_process_that_ended_is_not_listed_though_nobody_has_reaped_it() -> None:
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert child.pid not in [process.pid for process in processes(_run(LIST))]
    child.wait()


def test_kill_sends_a_signal_and_minds_no_process_that_has_gone() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    child = subprocess.Popen(["sleep", "300"])

    _run(KILL, "TERM", str(gone.pid), str(child.pid))

    assert child.wait() == -signal.SIGTERM


def test_kill_sends_a_signal_to_a_group() -> None:
    child = subprocess.Popen(["sh", "-c", "sleep 300 & wait"], start_new_session=True)

    _run(KILL, "TERM", "-%d" % child.pid)

    assert child.wait() == -signal.SIGTERM


def test_the_owner_of_a_claim_is_known_by_when_it_began() -> None:
    assert is_alive(_CLAIM, [_OWNER])
    assert not is_alive(_CLAIM, [_OWNER._replace(began="778")])
    assert not is_alive(_CLAIM, [])


def test_members_are_the_session_and_all_that_came_from_it() -> None:
    child, far, grandchild = (
        Process(101, 100, 100, 100, "780"),
        Process(102, 101, 102, 102, "781"),
        Process(103, 102, 102, 102, "782"),
    )
    stranger = Process(104, 1, 104, 104, "700")

    living = [stranger, grandchild, far, child, _OWNER]

    assert members(_CLAIM, living) == [child, _OWNER, far, grandchild]
    assert targets(_CLAIM, living) == ["-100", "102", "103"]


def test_what_is_left_of_a_session_is_its_task_s_when_the_first_process_has_gone() -> None:
    left = Process(101, 1, 100, 100, "780")
    apart = Process(102, 1, 102, 100, "780")

    assert (members(_CLAIM, [left]), targets(_CLAIM, [left])) == ([left], ["-100"])
    assert (members(_CLAIM, [apart]), targets(_CLAIM, [apart])) == ([apart], ["102"])


def test_a_number_that_was_given_to_another_process_has_no_members() -> None:
    assert members(_CLAIM, [_OWNER._replace(began="900"), Process(101, 100, 100, 100, "901")]) == []


def test_where_no_time_is_told_the_number_has_to_do() -> None:
    untold = _OWNER._replace(began="-")
    assert is_alive(_CLAIM, [untold])
    assert is_alive(_CLAIM._replace(stat=""), [_OWNER])


def _run(script: str, *words: str) -> str:
    argv: List[str] = ["sh", "-c", script, "sh", *words]
    return subprocess.run(argv, stdout=subprocess.PIPE, check=True, text=True).stdout
