"""An attempt whose process was started, and how it ended. Touches no process itself."""

from __future__ import annotations

import os
import sys
from typing import Optional

from orchestra.engine.ports import Ended
from orchestra.executors.output import Output
from orchestra.executors.peak import OwnPeak
from orchestra.executors.process import End, signal_name
from orchestra.model.run import AttemptKey, Invocation

MAXRSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024
"""Source: getrusage(2) of macOS and of Linux."""


class Started:
    """What is known of one attempt from its launch to its report.

    `output` is None once it is closed; `end` is None while the process runs. After that it is
    `drained` at the end of its output, or at `drained_by`, when what it left behind has had its
    time to write; at `gone_by` that must be dead (both monotonic seconds).
    """

    __slots__ = (
        "drained",
        "drained_by",
        "end",
        "gone_by",
        "invocation",
        "key",
        "killed",
        "log_bytes",
        "output",
        "pid",
    )

    def __init__(
        self,
        key: AttemptKey,
        invocation: Invocation,
        pid: int,
        output: Output,
    ) -> None:
        self.key = key
        self.invocation = invocation
        self.pid = pid
        self.output: Optional[Output] = output
        self.log_bytes = 0
        self.killed = False
        self.end: Optional[End] = None
        self.drained = False
        self.drained_by = 0.0
        self.gone_by = 0.0

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
