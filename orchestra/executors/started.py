"""An attempt whose process was started, and how it ended. Touches no process itself."""

from __future__ import annotations

import os
import sys
from typing import Optional, Tuple

from orchestra.engine.ports import Ended
from orchestra.executors.output import Output
from orchestra.executors.peak import OwnPeak
from orchestra.executors.process import End, signal_name
from orchestra.model.run import AttemptKey, Invocation

MAXRSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024
"""Source: getrusage(2) of macOS and of Linux."""


class Started:
    """What is known of one attempt from its launch to its report.

    `output` is None once it is closed; `end` is None while the process runs. After that what it
    left behind may write until `drained_by`, and must be dead at `gone_by`, monotonic seconds.
    `stopping` and `killed` say that it was told to end; `began_s` counts since the machine was
    started; `place` is where it stands on the board.
    """

    __slots__ = (
        "began_s",
        "drained_by",
        "end",
        "gone_by",
        "invocation",
        "key",
        "killed",
        "log_bytes",
        "output",
        "pid",
        "place",
        "stopping",
    )

    def __init__(
        self,
        key: AttemptKey,
        invocation: Invocation,
        pid: int,
        began_s: float,
        output: Output,
        place: int,
    ) -> None:
        self.began_s = began_s
        self.key = key
        self.invocation = invocation
        self.pid = pid
        self.output: Optional[Output] = output
        self.log_bytes = 0
        self.place = place
        self.stopping = False
        self.killed = False
        self.end: Optional[End] = None
        self.drained_by = 0.0
        self.gone_by = 0.0

    def is_over(self, now: float) -> bool:
        """Whether what it left behind is to be killed; after a stop that is for others to say."""
        if self.end is None:
            return False
        if self.killed or self.stopping:
            return self.killed
        return self.output is None or now >= self.drained_by

    def due(self) -> Tuple[float, float]:
        """When something is due once it has ended."""
        return self.drained_by, self.gone_by

    def ended(self, own_peak: OwnPeak) -> Ended:
        """The report of it; its process has ended."""
        assert self.end is not None
        _, status, usage = self.end
        signalled = os.WIFSIGNALED(status)
        hidden = own_peak.hides(usage.ru_maxrss)
        return Ended(
            self.key,
            exit_code=None if signalled else os.WEXITSTATUS(status),
            signal=signal_name(os.WTERMSIG(status)) if signalled else None,
            cpu_s=usage.ru_utime + usage.ru_stime,
            max_rss_bytes=None if hidden else usage.ru_maxrss * MAXRSS_UNIT_BYTES,
            log_bytes=self.log_bytes,
        )
