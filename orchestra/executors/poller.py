"""Which of many descriptors are readable, behind one to wait on. Must never block unasked."""

from __future__ import annotations

import select
import sys
from typing import List, Protocol

AT_ONCE = 64
"""How many are named at once, so that a crowd of writers cannot starve the rest."""


class Poller(Protocol):
    """A set of descriptors; itself readable when one of them is."""

    def fileno(self) -> int:
        """The descriptor that is readable when `ready` would name one."""

    def add(self, fd: int) -> None:
        """Watch a descriptor for input and for its end."""

    def remove(self, fd: int) -> None:
        """Watch it no longer; must be called before it is closed."""

    def ready(self, timeout_s: float = 0) -> List[int]:
        """The readable ones, at most AT_ONCE, in turn; waits at most `timeout_s` for the first."""

    def close(self) -> None:
        """Give the descriptor back."""


class EpollPoller:
    """A Poller of Linux. Level-triggered: what is not read is named again."""

    def __init__(self) -> None:
        self._epoll = select.epoll()

    def fileno(self) -> int:
        """The epoll descriptor."""
        return self._epoll.fileno()

    def add(self, fd: int) -> None:
        """Watch a descriptor for input and for its end."""
        self._epoll.register(fd, select.EPOLLIN)

    def remove(self, fd: int) -> None:
        """Watch it no longer.

        Closing is not enough: a child between its release of the parent and its exec still holds a
        copy for some microseconds, and the kernel goes on naming a number that is no longer ours.
        """
        self._epoll.unregister(fd)

    def ready(self, timeout_s: float = 0) -> List[int]:
        """The readable ones, in turn."""
        return [fd for fd, _ in self._epoll.poll(timeout_s, AT_ONCE)]

    def close(self) -> None:
        """Give the epoll descriptor back."""
        self._epoll.close()


if sys.platform != "linux":

    class KqueuePoller:
        """A Poller of macOS, where a `select.poll` object has no descriptor to wait on."""

        def __init__(self) -> None:
            self._kqueue = select.kqueue()

        def fileno(self) -> int:
            """The kqueue descriptor."""
            return self._kqueue.fileno()

        def add(self, fd: int) -> None:
            """Watch a descriptor for input and for its end."""
            self._change(fd, select.KQ_EV_ADD)

        def remove(self, fd: int) -> None:
            """Watch it no longer."""
            self._change(fd, select.KQ_EV_DELETE)

        def ready(self, timeout_s: float = 0) -> List[int]:
            """The readable ones, in turn."""
            return [event.ident for event in self._kqueue.control(None, AT_ONCE, timeout_s)]

        def close(self) -> None:
            """Give the kqueue descriptor back."""
            self._kqueue.close()

        def _change(self, fd: int, flags: int) -> None:
            self._kqueue.control([select.kevent(fd, select.KQ_FILTER_READ, flags)], 0)


def new_poller() -> Poller:
    """The Poller of this system."""
    if sys.platform != "linux":
        return KqueuePoller()
    return EpollPoller()
