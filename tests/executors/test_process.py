"""Taking the ends of children where the kernel does not let us peek."""

from __future__ import annotations

import os
from typing import List

import pytest

from orchestra.executors.process import End, groups_of, kill_group, reap


def start(script: str) -> int:
    return os.posix_spawn("/bin/sh", ["sh", "-c", script], {}, setsid=True)


@pytest.mark.parametrize("peek", [True, False])
def test_each_end_is_given_once_after_its_number_was_named(peek: bool) -> None:
    pids = [start("exit %d" % code) for code in (1, 2, 3)]
    named: List[int] = []
    ends: List[End] = []

    while not set(pids) <= set(named):
        ends.extend(reap([pid for pid in pids if pid not in named], named.append, peek))

    # another test may have left a child that ends just now
    codes = [(end.pid, os.WEXITSTATUS(end.status)) for end in ends if end.pid in pids]
    assert sorted(codes) == sorted(zip(pids, (1, 2, 3)))
    assert named == [end.pid for end in ends]


def test_a_group_is_signalled_only_where_there_is_one() -> None:
    pid = start("kill -STOP $$")

    assert groups_of([pid]) == {pid}
    assert kill_group(pid, 9)
    os.waitpid(pid, 0)
    assert groups_of([pid]) == set()
    assert not kill_group(pid, 9)
