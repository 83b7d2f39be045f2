"""One helper process and the line to it. Waits for nothing, but for its end."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import time
from typing import List, Mapping

from orchestra.executors.frames import Frames, Message, packed
from orchestra.executors.helper import start_helper
from orchestra.executors.process import CAN_PEEK

_BLOCK_BYTES = 1 << 18
_BLOCKS_AT_ONCE = 16
_NAP_S = 0.005
_DEATH_S = 2.0


class HelperLine:
    """A helper that has just been started with `environ`; what it says otherwise goes to `said`.

    `heard_at` is when there was a word of it last, or when it was started (monotonic seconds);
    it `has_spoken` once there was one, and `is_dead` when there will be none any more.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, environ: Mapping[bytes, bytes], said: str) -> None:
        self.pid, self._link = start_helper(environ, said)
        self.began_at = self.heard_at = time.monotonic()
        self.has_spoken = self.is_dead = False
        self._frames = Frames()
        self._unsent = bytearray()

    def fileno(self) -> int:
        """A descriptor that is readable when there is a word of it, or it is dead."""
        return self._link.fileno()

    @property
    def is_behind(self) -> bool:
        """Whether it has not taken in all that was said."""
        return bool(self._unsent)

    def say(self, message: Message) -> None:
        """Have it told, now or when it listens again."""
        self._unsent += packed(message)
        self.flush()

    def flush(self) -> None:
        """Send what it takes in."""
        while self._unsent:
            try:
                del self._unsent[: self._link.send(self._unsent)]
            except OSError:
                return  # it is full; or dead, which is seen when it is listened to

    def listen(self) -> List[Message]:
        """What it has said since; there may be more."""
        self.flush()
        messages: List[Message] = []
        for _ in range(_BLOCKS_AT_ONCE):
            try:
                block = self._link.recv(_BLOCK_BYTES)
            except BlockingIOError:
                break
            except OSError:
                block = b""
            if not block:
                self.is_dead = True
                break
            self.heard_at = time.monotonic()
            self.has_spoken = True
            messages.extend(self._frames.feed(block))
        return messages

    def leave(self, deadline: float, takes_end: bool) -> None:
        """Close the line and wait for its end; from the `deadline` on it is killed.

        Its end is taken where that is nobody else's to take. A kernel that cannot end it, as where
        a file server is away, is not waited for.
        """
        self._link.close()
        given_up_at = max(deadline, time.monotonic()) + _DEATH_S
        while self._is_alive() and time.monotonic() < given_up_at:
            if time.monotonic() >= deadline:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)
                deadline = math.inf
            time.sleep(_NAP_S)
        if takes_end:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, os.WNOHANG)

    def _is_alive(self) -> bool:
        """Whether it is; its end may have been taken by the executor of this machine."""
        how = os.WEXITED | os.WNOHANG | os.WNOWAIT
        try:
            if CAN_PEEK:
                return os.waitid(os.P_PID, self.pid, how) is None
            return os.waitpid(self.pid, os.WNOHANG)[0] == 0
        except ChildProcessError:
            return False
