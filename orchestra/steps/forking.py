"""Processes that are no children of the fork server that makes them, and cost little.

Loaded by `serving.py` from beside it; needs nothing of orchestra. Linux only.
"""

import ctypes
import errno
import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

PR_GET_TID_ADDRESS = 40  # Source: <linux/prctl.h>
NO_MORE = (ctypes.c_ulong(0),) * 3
SYS_CLONE3 = 435  # Linux 5.3, the same on every architecture. Source: clone(2), <linux/sched.h>
CLONE_PARENT = 0x8000
CLONE_CHILD_CLEARTID = 0x200000
CLONE_CHILD_SETTID = 0x1000000
CLONE_ARGS = struct.Struct("8Q")
ANSWER = struct.Struct("<i")
LARGEST_HOLE = 1 << 16
HOLES = [*range(LARGEST_HOLE, 4096, -4096), *range(4096, 1024, -256), *range(1024, 0, -16)]
"""Sizes of which it is looked for pieces, the largest first."""

LIBC = ctypes.PyDLL(None)  # keeps the interpreter's lock: other threads stand still
before_fork = ctypes.pythonapi.PyOS_BeforeFork
after_fork_child = ctypes.pythonapi.PyOS_AfterFork_Child
after_fork_parent = ctypes.pythonapi.PyOS_AfterFork_Parent


class Maker:
    """Makes processes that are no children of this one.

    By a process in between, whose orphan becomes the child of whoever reaps those. Of what
    libraries want to do at a fork the C library knows; the kernel can make a sibling at half the
    cost, but says nothing to them, so that is for where there are no such libraries.
    """

    def __init__(self, siblings: bool) -> None:
        self._tid = ctypes.c_void_p()  # where the C library keeps the number of its thread
        if siblings and is_glibc():
            LIBC.prctl(PR_GET_TID_ADDRESS, ctypes.byref(self._tid), *NO_MORE)
        flags = CLONE_PARENT | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID
        order = CLONE_ARGS.pack(flags, 0, self._tid.value or 0, *[0] * 5)
        self._call = (ctypes.c_long(SYS_CLONE3), order, ctypes.c_size_t(len(order)))
        self._syscall = LIBC.syscall

    def fork(self) -> "Optional[int]":
        """The pid of a new process, or an errno below 0; None in that process."""
        answer = self._sibling() if self._tid else self._orphan()
        return answer or None

    def _sibling(self) -> int:
        before_fork()
        pid: int = self._syscall(*self._call)
        if not pid:
            after_fork_child()
            return 0
        after_fork_parent()
        if pid < 0:
            self._tid = ctypes.c_void_p()
            return self._orphan()
        return pid

    def _orphan(self) -> int:
        told, tells = os.pipe()
        middle = os.fork()
        if middle:
            os.close(tells)
            answer = os.read(told, ANSWER.size)
            os.close(told)
            os.waitpid(middle, 0)
            pid: int = ANSWER.unpack(answer)[0] if answer else -errno.EAGAIN  # it was killed
            return pid
        os.close(told)
        try:
            pid = os.fork()
        except OSError as fault:
            pid = -(fault.errno or errno.EAGAIN)
        if not pid:
            os.close(tells)
            return 0
        os.write(tells, ANSWER.pack(pid))
        os._exit(0)


def use_up_holes() -> None:
    """Take the pieces of memory that are free between others, so that steps get whole new pages.

    Each step would copy a page for the little that it puts into each of them: a third of all that
    it copies.
    """
    if not is_glibc():
        return
    LIBC.malloc.restype = ctypes.c_size_t
    LIBC.free.argtypes = [ctypes.c_size_t]
    LIBC.malloc_trim(ctypes.c_size_t(0))
    end = LIBC.malloc(ctypes.c_size_t(LARGEST_HOLE))
    LIBC.free(end)
    for size in HOLES:
        want = ctypes.c_size_t(size)
        place = LIBC.malloc(want)
        while place < end:
            place = LIBC.malloc(want)
        LIBC.free(place)


def is_glibc() -> bool:
    """Whether the C library is known to keep the number of a thread where the kernel writes it."""
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (OSError, ValueError):
        return False
