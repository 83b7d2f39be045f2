"""Being the parent of one's orphaned descendants. Linux only; elsewhere it does nothing."""

from __future__ import annotations

import ctypes
import sys

# Source: <linux/prctl.h>
PR_SET_CHILD_SUBREAPER = 36
PR_GET_CHILD_SUBREAPER = 37


class Subreaper:
    """This process adopts each descendant whose own parent ends, until closed.

    A daemon that a step leaves behind (double fork, setsid) escapes the signals to the step's
    group; it cannot escape having a parent.
    """

    def __init__(self) -> None:
        self._was = ctypes.c_int(0)
        self._prctl(PR_GET_CHILD_SUBREAPER, ctypes.addressof(self._was))
        self._prctl(PR_SET_CHILD_SUBREAPER, 1)

    def close(self) -> None:
        """Put it back as it was."""
        self._prctl(PR_SET_CHILD_SUBREAPER, self._was.value)

    def _prctl(self, option: int, argument: int) -> None:
        if sys.platform == "linux":
            zero = ctypes.c_ulong(0)
            ctypes.CDLL(None).prctl(option, ctypes.c_ulong(argument), zero, zero, zero)
