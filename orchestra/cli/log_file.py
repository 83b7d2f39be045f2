"""The file of `--log-file`: opened before the run, written beside it, closed in bounded time."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import Optional

from orchestra.cli.outputs import refusal
from orchestra.engine.replay import Replay
from orchestra.subscribers.run_log import RunLog
from orchestra.subscribers.writer import ScreenWriter

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
_PATIENCE_S = 2.0


class LogFile:
    """Lines of the run's log at the end of a file, which is made for its owner alone.

    They are written by a thread, so that a slow disk holds up nothing; `log` is to be told of the
    events. Nothing more is written once the file cannot be.

    Raises:
        UsageError: there is no such place.
        RunBroken: it could not be opened.
    """

    def __init__(self, path: str, replay: Replay) -> None:
        self._path = path
        try:
            # a FIFO that nobody reads would be waited for without end
            self._descriptor = os.open(path, _FLAGS, 0o600)
        except OSError as fault:
            raise refusal(path, fault) from fault
        os.set_blocking(self._descriptor, True)
        self._writer = ScreenWriter(self._descriptor, note=lambda count: self.log.lost(count))
        self.log = RunLog(self._writer, replay)
        if self._is_mid_line():
            self._writer.write("\n")

    def close(self) -> None:
        """Write what is left, and give up on a file that takes nothing for a while."""
        self._writer.close(_PATIENCE_S)
        os.close(self._descriptor)

    @property
    def problem(self) -> Optional[str]:
        """What to say where it is not whole, once it is closed."""
        fault = self._writer.fault
        if fault is None and not self._writer.gave_up:
            return None
        why = "it took nothing for %gs" % _PATIENCE_S if fault is None else fault.strerror
        return "warning: the log %s is not whole: %s" % (self._path, why)

    def _is_mid_line(self) -> bool:
        """Whether it ends as the log of a run does that had no room left, or was killed."""
        found = os.fstat(self._descriptor)
        if stat.S_ISREG(found.st_mode) and found.st_size:
            with suppress(OSError), open(self._path, "rb") as file:
                file.seek(-1, os.SEEK_END)
                return file.read(1) != b"\n"
        return False
