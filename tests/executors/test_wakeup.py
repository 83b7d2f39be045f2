"""Being woken by the end of a child, beside others who wait for signals."""

from __future__ import annotations

import os
import select
import signal
from typing import Iterator, List, Tuple

import pytest

from orchestra.executors.wakeup import Wakeup


@pytest.fixture
def before() -> Iterator[Tuple[int, int]]:
    """A wakeup pipe that somebody else has set."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    yield reader, writer
    signal.set_wakeup_fd(-1)
    os.close(reader)
    os.close(writer)


def readable(fd: int) -> bool:
    return select.select([fd], [], [], 0)[0] == [fd]


def test_a_poke_makes_it_readable_until_it_is_drained() -> None:
    wakeup = Wakeup()
    states: List[bool] = [readable(wakeup.fileno())]
    wakeup.poke()
    states.append(readable(wakeup.fileno()))
    wakeup.drain()
    states.append(readable(wakeup.fileno()))

    wakeup.close()
    assert states == [False, True, False]


def test_pokes_without_number_block_nobody() -> None:
    wakeup = Wakeup()

    for _ in range(100_000):
        wakeup.poke()

    wakeup.close()


@pytest.mark.usefixtures("as_before")
def test_another_signal_wakes_and_is_handed_on_to_who_waited_before(
    before: Tuple[int, int],
) -> None:
    seen: List[int] = []
    signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
    wakeup = Wakeup()

    signal.raise_signal(signal.SIGUSR1)
    signal.raise_signal(signal.SIGCHLD)

    woken = readable(wakeup.fileno())
    wakeup.drain()
    handed_on = os.read(before[0], 100)
    wakeup.close()
    assert (woken, handed_on, seen) == (True, bytes([signal.SIGUSR1]), [signal.SIGUSR1])


@pytest.mark.usefixtures("as_before")
@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL, print])
def test_closing_puts_everything_back(before: Tuple[int, int], handler: signal.Handlers) -> None:
    signal.signal(signal.SIGCHLD, handler)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    wakeup = Wakeup()
    during = signal.pthread_sigmask(signal.SIG_BLOCK, [])

    wakeup.close()

    assert signal.SIGCHLD not in during
    assert signal.SIGCHLD in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert signal.getsignal(signal.SIGCHLD) is handler
    assert signal.set_wakeup_fd(before[1]) == before[1]
