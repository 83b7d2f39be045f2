"""Whether a terminal is a run's to draw on: not while a shell has halted it, or taken it back."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Dict, Optional, Type, Union

_SHOW_CURSOR = b"\x1b[?25h"

_Handler = Union[signal.Handlers, int, None, object]


class Foreground:
    """Looks at the terminal that a descriptor leads to; main thread only.

    `group` is the process group that a shell has as its job. While this is entered, Ctrl-Z gives
    the cursor back before it halts this process, where it is not ignored.

    Source: POSIX, General Terminal Interface, 11.1.2 to 11.1.4.
    """

    def __init__(self, descriptor: int, group: int) -> None:
        self._descriptor = descriptor
        self._group = group
        self._was_halted = False
        self._previous: Dict[int, _Handler] = {}

    def __enter__(self) -> Foreground:
        if signal.getsignal(signal.SIGTSTP) is not signal.SIG_IGN:
            for number, handler in ((signal.SIGTSTP, self._halt), (signal.SIGCONT, self._note)):
                self._previous[number] = signal.signal(number, handler)
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal itself gave

    def is_ours(self) -> bool:
        """Whether nobody else draws there, nor did since this was asked last."""
        was_halted, self._was_halted = self._was_halted, False
        try:
            return os.tcgetpgrp(self._descriptor) == self._group and not was_halted
        except OSError:  # a terminal that no shell gave us: there are no jobs on it
            return True

    def _halt(self, number: int, frame: Optional[FrameType]) -> None:
        with suppress(OSError):
            os.write(self._descriptor, _SHOW_CURSOR)
        os.kill(os.getpid(), signal.SIGSTOP)

    def _note(self, number: int, frame: Optional[FrameType]) -> None:
        self._was_halted = True
