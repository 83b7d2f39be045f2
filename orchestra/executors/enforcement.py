"""Holds attempts to their limits of memory and cpu: by cgroups where they can be had, else itself.

Without cgroups the memory of an attempt's whole tree is looked at now and then, and cpu is limited
by the affinity that the attempt is born with. Signals nothing: it says who is over the limit.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import Dict, Iterator, List, Optional, Sequence, Set

from orchestra.engine.ports import Ended
from orchestra.executors.cgroups import ControlGroup, ControlGroups, find_control_groups
from orchestra.executors.footprint import held_bytes, resident_bytes
from orchestra.executors.proc import Proc
from orchestra.model.run import AttemptKey, Limits

NEVER = float("inf")

SAMPLE_S = 0.1
"""How often the memory of limited attempts is looked at."""

_SHARE = 10
"""A look that took so long is followed by a pause of so many times that: a tenth of a core."""


class _Held:
    """What is known of one attempt with limits."""

    __slots__ = ("cores", "group", "is_over", "limits", "peak_bytes")

    def __init__(self, limits: Limits, cores: Sequence[int], group: Optional[ControlGroup]) -> None:
        self.limits = limits
        self.cores = cores
        self.group = group
        self.peak_bytes = 0
        self.is_over = False


class Enforcement:
    """The limits of all attempts that have some. Made when the first of them is started."""

    def __init__(self, proc: Proc, groups: Optional[ControlGroups] = None) -> None:
        self._proc = proc
        self._groups = groups
        self._held_by_key: Dict[AttemptKey, _Held] = {}
        self.sample_at = NEVER

    @contextlib.contextmanager
    def around_spawn(self, key: AttemptKey, limits: Limits) -> Iterator[None]:
        """What is started inside is born with its limits.

        Raises:
            OSError: they cannot be set.
        """
        group = None if self._groups is None else self._groups.make(limits)
        by_affinity = limits.cpu is not None and (group is None or not self._limits_cpu())
        cores = self._choose_cores(limits.cpu or 0) if by_affinity else ()
        self._held_by_key[key] = _Held(limits, cores, group)
        try:
            with contextlib.ExitStack() as stack:
                if group is not None:
                    stack.enter_context(group.around_spawn())
                if cores:
                    stack.enter_context(_affinity(cores))
                yield
        except BaseException:
            self._forget(key)
            raise
        if group is None and limits.memory_bytes is not None:
            self.sample_at = min(self.sample_at, time.monotonic() + SAMPLE_S)

    def sampled(self) -> List[AttemptKey]:
        """The attempts whose memory is to be looked at."""
        return [
            key
            for key, held in self._held_by_key.items()
            if held.group is None and held.limits.memory_bytes is not None and not held.is_over
        ]

    def look(self, key: AttemptKey, pids: Sequence[int]) -> bool:
        """Whether the processes of the attempt, all of them, hold more memory than it may.

        What is only shared or can be taken back is not held against it.
        """
        held = self._held_by_key[key]
        limit = held.limits.memory_bytes
        assert limit is not None
        size = resident_bytes(self._proc, pids)
        if size > limit:
            size = held_bytes(self._proc, pids)
        held.peak_bytes = max(held.peak_bytes, size)
        held.is_over = size > limit
        return held.is_over

    def looked(self, began_at: float) -> None:
        """A look at all is over; it says when the next one is due."""
        now = time.monotonic()
        pause = max(SAMPLE_S, _SHARE * (now - began_at))
        self.sample_at = now + pause if self.sampled() else NEVER

    def kill(self, key: AttemptKey) -> None:
        """Kill the group of an attempt that has one."""
        held = self._held_by_key.get(key)
        if held is not None and held.group is not None:
            held.group.kill()

    def settle(self, ended: Ended) -> Ended:
        """The end of an attempt with what was measured, and whether memory was the reason."""
        held = self._held_by_key.get(ended.key)
        if held is None:
            return ended
        peak = held.peak_bytes
        is_over = held.is_over
        if held.group is not None:
            peak = held.group.peak_bytes() or 0
            is_over = ended.signal == "SIGKILL" and held.group.oom_kills() > 0
            held.group.kill()  # what is left of it is no step's any more
        self._forget(ended.key)
        return ended._replace(
            max_rss_bytes=max(peak, ended.max_rss_bytes or 0) or None,
            memory_limit_bytes=held.limits.memory_bytes if is_over else None,
        )

    def close(self) -> None:
        """Give the groups back."""
        if self._groups is not None:
            self._groups.close()

    def _limits_cpu(self) -> bool:
        return self._groups is not None and self._groups.limits_cpu

    def _forget(self, key: AttemptKey) -> None:
        held = self._held_by_key.pop(key)
        if held.group is not None:
            held.group.remove()
        if not self._held_by_key:
            self.sample_at = NEVER

    def _choose_cores(self, cpu: int) -> Sequence[int]:
        """Whole cores for so many thousandths, those first that fewest others are held to."""
        if not hasattr(os, "sched_getaffinity"):
            return ()
        use_by_core = dict.fromkeys(sorted(os.sched_getaffinity(0)), 0)
        for held in self._held_by_key.values():
            for core in held.cores:
                use_by_core[core] = use_by_core.get(core, 0) + 1
        wanted = max(1, -(-cpu // 1000))
        cores = sorted(use_by_core, key=lambda core: use_by_core[core])
        return cores[:wanted] if wanted < len(cores) else ()


def make_enforcement(proc: Proc) -> Enforcement:
    """The best way to limit that this machine has."""
    return Enforcement(proc, find_control_groups())


def unlimited() -> Set[str]:
    """Which of `memory` and `cpu` cannot be limited on this system at all."""
    found = set()
    if not os.path.isdir("/proc/self"):
        found.add("memory")
    if not hasattr(os, "sched_setaffinity"):
        found.add("cpu")
    return found


@contextlib.contextmanager
def _affinity(cores: Sequence[int]) -> Iterator[None]:
    """A child that is started inside inherits these cores, from its first instruction on."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
