"""One executor made of that of this machine and those of engines elsewhere. Never blocks."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from orchestra.engine.ports import Ended, Executor, ExecutorStimulus, Handle, Lost, Unreached
from orchestra.executors.poller import new_poller
from orchestra.model.errand import LOCAL
from orchestra.model.run import AttemptKey, Invocation


class MixedExecutor:
    """An Executor that hands each attempt to the one that its invocation or handle names."""

    def __init__(self, local: Executor, hosted: Mapping[str, Executor]) -> None:
        self._local = local
        self._hosted = dict(hosted)
        self._all: List[Executor] = [local, *self._hosted.values()]
        self._elsewhere: Dict[AttemptKey, Executor] = {}
        self._poller = new_poller()
        for executor in self._all:
            self._poller.add(executor.fileno())
        self._closed = False

    def fileno(self) -> int:
        """A descriptor that is readable when that of one of them is."""
        return self._poller.fileno()

    def submit(self, batch: Sequence[Tuple[AttemptKey, Invocation]]) -> None:
        """Start all of the batch, each where it is to run."""
        here: List[Tuple[AttemptKey, Invocation]] = []
        there: Dict[str, List[Tuple[AttemptKey, Invocation]]] = {}
        for key, invocation in batch:
            if invocation.errand is None:
                here.append((key, invocation))
                continue
            name = invocation.errand.executor
            there.setdefault(name, []).append((key, invocation))
            self._elsewhere[key] = self._hosted[name]
        for name, part in there.items():
            self._hosted[name].submit(part)
        if here:
            self._local.submit(here)

    def reattach(self, handles: Sequence[Handle]) -> None:
        """Take over attempts, each from where it was started.

        That of this machine is asked in any case: it ends what nobody takes over.
        """
        there: Dict[str, List[Handle]] = {}
        for handle in handles:
            if handle.executor != LOCAL:
                there.setdefault(handle.executor, []).append(handle)
                self._elsewhere[handle.key] = self._hosted[handle.executor]
        for name, part in there.items():
            self._hosted[name].reattach(part)
        self._local.reattach([handle for handle in handles if handle.executor == LOCAL])

    def collect(self) -> List[ExecutorStimulus]:
        """What has happened, of this machine first."""
        stimuli = [stimulus for executor in self._all for stimulus in executor.collect()]
        if self._elsewhere:
            for stimulus in stimuli:
                if isinstance(stimulus, (Ended, Lost)):
                    self._elsewhere.pop(stimulus.key, None)
        return stimuli

    def stop(self, key: AttemptKey, signal: str) -> None:
        """Signal an attempt where it runs."""
        self._elsewhere.get(key, self._local).stop(key, signal)

    def lend(self, key: AttemptKey, tokens: int) -> None:
        """Only attempts of this machine have job servers."""
        self._local.lend(key, tokens)

    def running(self) -> int:
        """How many attempts have not yet been reported as ended."""
        return sum(executor.running() for executor in self._all)

    def due_in(self) -> Optional[float]:
        """Seconds until `collect` wants to be called, None for never."""
        waits = [executor.due_in() for executor in self._all]
        return min((wait for wait in waits if wait is not None), default=None)

    def unreached(self) -> List[Unreached]:
        """Those of all engines that do not answer."""
        return [each for executor in self._all for each in executor.unreached()]

    def faults(self) -> List[str]:
        """Those of all."""
        return [fault for executor in self._all for fault in executor.faults()]

    def close(self) -> None:
        """Kill whatever still runs, elsewhere first: this machine's takes the ends of helpers."""
        if self._closed:
            return
        self._closed = True
        try:
            for executor in reversed(self._all):
                executor.close()
        finally:
            self._poller.close()
