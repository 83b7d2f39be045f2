"""Processes that are held by a descriptor, so that their number is no other's. Linux only.

Source: pidfd_open(2), pidfd_send_signal(2); PIDFD_GET_INFO in <linux/pidfd.h>.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
import sys
from typing import Optional

# Linux 5.3, the same on every architecture; Python has them from 3.9 on.
SYS_PIDFD_SEND_SIGNAL = 424
SYS_PIDFD_OPEN = 434

_INFO_BYTES = 80
_INFO_EXIT = 1 << 3
_GET_INFO = 3 << 30 | _INFO_BYTES << 16 | 0xFF << 8 | 11
_STATUS_AT = 60


class Held:
    """A process, dead or alive, until closed; `fd` is readable once it has ended."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def send(self, number: int) -> bool:
        """Send a signal, 0 only asks; whether the process was still there to get it."""
        sent: int = _syscall(SYS_PIDFD_SEND_SIGNAL, self.fd, number, None, 0)
        return sent == 0

    def status(self) -> Optional[int]:
        """How the process ended, as wait(2) gives it, once somebody has taken its end.

        None before, and where the kernel does not tell it (before Linux 6.15).
        """
        info = bytearray(_INFO_BYTES)
        struct.pack_into("Q", info, 0, _INFO_EXIT)
        try:
            fcntl.ioctl(self.fd, _GET_INFO, info)
        except OSError:
            return None
        (told,) = struct.unpack_from("Q", info, 0)
        return struct.unpack_from("i", info, _STATUS_AT)[0] if told & _INFO_EXIT else None

    def close(self) -> None:
        """Let go of it. Safe to call twice."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def hold(pid: int) -> Optional[Held]:
    """The process of that number, None if there is none or it cannot be held."""
    fd = -1 if sys.platform != "linux" else _syscall(SYS_PIDFD_OPEN, pid, 0)
    return Held(fd) if fd >= 0 else None


def _syscall(number: int, *arguments: object) -> int:
    return int(ctypes.CDLL(None).syscall(number, *arguments))
