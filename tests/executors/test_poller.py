"""Many descriptors behind one."""

from __future__ import annotations

import os
import select
from typing import Iterator, Tuple

import pytest

from orchestra.executors.poller import AT_ONCE, Poller, new_poller


@pytest.fixture
def poller() -> Iterator[Poller]:
    made = new_poller()
    yield made
    made.close()


@pytest.fixture
def pipe() -> Iterator[Tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


def test_it_is_readable_itself_as_long_as_one_is(poller: Poller, pipe: Tuple[int, int]) -> None:
    reader, writer = pipe
    poller.add(reader)

    before = (select.select([poller.fileno()], [], [], 0)[0], poller.ready())
    os.write(writer, b"x")
    after = (select.select([poller.fileno()], [], [], 0)[0], poller.ready(), poller.ready())

    assert before == ([], [])
    assert after == ([poller.fileno()], [reader], [reader])


def test_the_end_of_a_pipe_is_news(poller: Poller) -> None:
    reader, writer = os.pipe()
    poller.add(reader)
    os.close(writer)

    assert poller.ready() == [reader]
    os.close(reader)


def test_what_is_removed_is_not_named_though_a_copy_of_it_is_open(poller: Poller) -> None:
    reader, writer = os.pipe()
    copy = os.dup(reader)
    os.write(writer, b"x")
    poller.add(reader)
    poller.remove(reader)
    os.close(reader)

    assert poller.ready() == []
    os.close(copy)
    os.close(writer)


def test_a_crowd_is_named_in_turns(poller: Poller, pipe: Tuple[int, int]) -> None:
    os.write(pipe[1], b"x")
    crowd = [os.dup(pipe[0]) for _ in range(AT_ONCE + 10)]
    for fd in crowd:
        poller.add(fd)

    first, second = poller.ready(), poller.ready()

    assert len(first) == AT_ONCE
    assert set(first + second) == set(crowd)
    for fd in crowd:
        os.close(fd)
