"""The job server of an attempt, with real fifos, beside children that behave well or do not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterator

import pytest

from orchestra.executors.jobserver import JobServer, fifos_of


class Child:
    """A process of the step: takes tokens, and gives them back the one way or the other."""

    def __init__(self, path: str) -> None:
        free, returns = fifos_of(path)
        self._free = os.open(free, os.O_RDWR | os.O_NONBLOCK)
        self._returns = os.open(returns, os.O_RDWR | os.O_NONBLOCK)

    def take(self, most: int) -> int:
        """As many tokens as there are, up to that."""
        try:
            return len(os.read(self._free, most))
        except BlockingIOError:
            return 0

    def give_as_make(self, tokens: int) -> None:
        os.write(self._returns, b"+" * tokens)

    def give_by_path(self, tokens: int) -> None:
        os.write(self._free, b"+" * tokens)

    def close(self) -> None:
        os.close(self._free)
        os.close(self._returns)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "jobs")


@pytest.fixture
def server(path: str) -> Iterator[JobServer]:
    server = JobServer(path)
    yield server
    server.close()


@pytest.fixture
def child(server: JobServer, path: str) -> Iterator[Child]:
    child = Child(path)
    yield child
    child.close()


def test_what_is_allowed_can_be_taken_and_nothing_more(server: JobServer, child: Child) -> None:
    server.allow(3)

    assert (child.take(9), server.tokens, server.idle()) == (3, 3, 0)


def test_what_nobody_has_taken_is_back_at_once(server: JobServer, child: Child) -> None:
    server.allow(3)
    child.take(1)
    server.allow(0)

    assert (server.tokens, server.is_owed, child.take(9)) == (1, True, 0)


def test_what_make_gives_back_is_lent_again_while_it_may_be(
    server: JobServer, child: Child
) -> None:
    server.allow(2)
    child.take(2)
    child.give_as_make(1)
    before = server.idle()
    server.settle()

    assert (before, server.idle(), server.tokens) == (0, 1, 2)


def test_what_make_gives_back_is_not_taken_again_when_it_is_owed(
    server: JobServer, child: Child
) -> None:
    server.allow(3)
    child.take(3)
    server.allow(1)
    child.give_as_make(1)

    assert child.take(9) == 0
    server.settle()
    assert (server.tokens, server.idle()) == (2, 0)
    child.give_as_make(2)
    server.settle()
    assert (server.tokens, server.idle()) == (1, 1)


def test_what_is_given_back_by_the_path_is_taken_out_when_it_is_owed(
    server: JobServer, child: Child
) -> None:
    server.allow(2)
    child.take(2)
    server.allow(0)
    child.give_by_path(2)
    server.settle()

    assert (server.tokens, server.is_owed, server.idle()) == (0, False, 0)


def test_tokens_that_were_never_lent_are_taken_out_wherever_they_are(
    server: JobServer, child: Child
) -> None:
    server.allow(2)
    child.take(2)
    child.give_as_make(5)
    child.give_by_path(4)
    server.settle()

    assert (server.tokens, server.idle()) == (2, 2)
    assert server.surplus == 5 + 4 - 2


def test_a_child_that_fills_the_fifo_gets_no_more_than_it_may(
    server: JobServer, child: Child
) -> None:
    server.allow(2)
    child.give_by_path(4096)
    child.give_as_make(4096)
    server.settle()

    assert (server.tokens, child.take(9999)) == (2, 2)


def test_what_a_child_keeps_counts_as_lent(server: JobServer, child: Child) -> None:
    server.allow(2)
    child.take(2)
    server.allow(0)
    server.settle()

    assert (server.tokens, server.is_owed) == (2, True)


def test_another_orchestrator_goes_on_with_what_the_attempt_has(
    server: JobServer, child: Child, path: str
) -> None:
    server.allow(5)
    child.take(3)
    child.give_as_make(1)

    other = JobServer(path, goes_on=True)
    other.allow(0)
    assert other.tokens == 2
    other.allow(4)
    assert (other.tokens, child.take(9)) == (4, 2)
    other.close()


@pytest.mark.parametrize("lacks", [0, 1, 2])
def test_one_of_which_something_is_gone_cannot_go_on(tmp_path: Path, path: str, lacks: int) -> None:
    server = JobServer(path)
    os.unlink(sorted(tmp_path.iterdir())[lacks])

    with pytest.raises(FileNotFoundError):
        JobServer(path, goes_on=True)
    server.close()


def test_one_whose_fifo_was_replaced_cannot_go_on(tmp_path: Path, path: str) -> None:
    server = JobServer(path)
    os.unlink(path)
    (tmp_path / "other").touch()
    os.rename(tmp_path / "other", path)

    with pytest.raises(OSError, match="this is no fifo"):
        JobServer(path, goes_on=True)
    server.close()


def test_nothing_is_left_of_it(tmp_path: Path, path: str) -> None:
    before = len(os.listdir("/dev/fd"))
    JobServer(path).close()
    assert (list(tmp_path.iterdir()), len(os.listdir("/dev/fd"))) == ([], before)
