"""An attempt whose process was started, and how it ended. Touches no process itself."""

from __future__ import annotations

import os
import sys
from typing import Optional

from orchestra.engine.ports import Ended
from orchestra.executors.output import Output
from orchestra.executors.process import End, signal_name
from orchestra.model.run import AttemptKey, Invocation

NOISE_KIB = 1024
"""How far apart the kernel's two counts of the same memory may be."""


class Started:
    """What is known of one attempt from its launch to its report.

    `output` is None once it is closed; `end` is None while the process runs. After that it is
    `drained` at the end of its output, or at `drained_by`, when what it left behind has had its
    time to write; at `gone_by` that must be dead (both monotonic seconds). `memory_floor_kib` is
    the largest size that this process had at the launch.
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
        "memory_floor_kib",
        "output",
        "pid",
    )

    def __init__(
        self,
        key: AttemptKey,
        invocation: Invocation,
        pid: int,
        output: Output,
        memory_floor_kib: int,
    ) -> None:
        self.key = key
        self.invocation = invocation
        self.pid = pid
        self.output: Optional[Output] = output
        self.memory_floor_kib = memory_floor_kib
        self.log_bytes = 0
        self.killed = False
        self.end: Optional[End] = None
        self.drained = False
        self.drained_by = 0.0
        self.gone_by = 0.0

    def ended(self) -> Ended:
        """The report of it; its process has ended."""
        assert self.end is not None
        _, status, usage = self.end
        signalled = os.WIFSIGNALED(status)
        return Ended(
            self.key,
            exit_code=None if signalled else os.WEXITSTATUS(status),
            signal=signal_name(os.WTERMSIG(status)) if signalled else None,
            cpu_s=usage.ru_utime + usage.ru_stime,
            max_rss_bytes=self._max_rss_bytes(usage.ru_maxrss),
            log_bytes=self.log_bytes,
        )

    def _max_rss_bytes(self, maxrss: int) -> Optional[int]:
        """The peak of its memory, None where it is hidden behind that of this process.

        Linux counts the memory from which a process was started as its own: a step of 2 MB started
        by an engine of 40 MB reads as 40 MB. Only what is above tells something.
        Source: exec_mmap() in fs/exec.c, setmax_mm_hiwater_rss.
        """
        if sys.platform != "linux":
            return maxrss
        return maxrss * 1024 if maxrss > self.memory_floor_kib + NOISE_KIB else None
