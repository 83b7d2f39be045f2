"""Starts attempts in the order they come, keeps those for which there is no room. Never waits."""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from typing import Callable, ContextManager, Dict, List, Optional, Tuple

from orchestra.engine.ports import Ended
from orchestra.executors.board import NO_SLOT, Board
from orchestra.executors.forkserver import ForkServer, Unborn
from orchestra.executors.jobservers import JobServers
from orchestra.executors.output import Output, output_pipe
from orchestra.executors.proc import Proc, since_boot_s
from orchestra.executors.process import NotStarted, NotYet, Spawner
from orchestra.executors.servers import Servers
from orchestra.executors.started import Started
from orchestra.model.masking import Masker
from orchestra.model.run import AttemptKey, Invocation, Limits

RETRY_S = 0.05
"""How soon it is worth trying again when nothing of ours ends."""

ROOM_PATIENCE_S = 10.0
"""How long an attempt waits for room on a machine on which nothing of ours takes any."""

AroundSpawn = Callable[[AttemptKey, Limits], ContextManager[None]]
"""What is started inside is born with its limits."""

_LONG_S = 0.2
"""More than it takes to start a process."""

BUSY_PATIENCE_S = 2.0
"""How long it waits for whoever is writing its program."""


class Launcher:
    """A queue of attempts with a process at its end.

    No room (the limits of open files, of processes, of memory) is no fault of a step: its attempt
    waits until another one ends, and is refused only when none is left whose end could help. What
    can be forked from a server that starts is put aside until that is ready, and lets others pass.
    """

    def __init__(
        self,
        room: int,
        board: Board,
        servers: Servers,
        on_fault: Callable[[str], None],
        around_spawn: AroundSpawn,
        job_servers: JobServers,
        masker: Optional[Masker] = None,
    ) -> None:
        self._room = room
        self._board = board
        self._servers = servers
        self._on_fault = on_fault
        self._around_spawn = around_spawn
        self._job_servers = job_servers
        self._masker = masker
        self._spawner = Spawner()
        self._waiting: OrderedDict[AttemptKey, Invocation] = OrderedDict()
        self._aside: OrderedDict[AttemptKey, Invocation] = OrderedDict()
        self._helpless_since: Dict[AttemptKey, float] = {}
        self.retry_at = 0.0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._aside)

    def add(self, key: AttemptKey, invocation: Invocation) -> None:
        """Take one more."""
        self._waiting[key] = invocation

    def drop(self, key: AttemptKey) -> bool:
        """Forget one that waits; whether there was such a one."""
        self._helpless_since.pop(key, None)
        waiting = self._aside if key in self._aside else self._waiting
        return waiting.pop(key, None) is not None

    def clear(self) -> None:
        """Forget all."""
        self._waiting.clear()
        self._aside.clear()
        self._helpless_since.clear()

    def recall(self) -> None:
        """Have those tried again, before all others, that were put aside."""
        while self._aside:
            key, invocation = self._aside.popitem()
            self._waiting[key] = invocation
            self._waiting.move_to_end(key, last=False)

    def launch(self, running: int) -> Tuple[List[Started], List[Ended]]:
        """Start what can be started beside the `running` ones; the started and the refused."""
        started: List[Started] = []
        refused: List[Ended] = []
        later: List[Tuple[AttemptKey, Invocation]] = []
        now = time.monotonic()
        self.retry_at = now + RETRY_S
        while self._waiting and running + len(started) < self._room:
            key, invocation = self._waiting.popitem(last=False)
            server = None
            if invocation.preload is not None:
                server = self._servers.server_for(invocation)
            if server is not None and not server.is_ready:
                self._aside[key] = invocation
                continue
            try:
                started.append(self._start(key, invocation, server))
            except NotStarted as refusal:
                refused.append(Ended(key, refusal=refusal.reason))
            except NotYet as delay:
                if self._is_hopeless(key, delay, not running and not started, now):
                    refused.append(Ended(key, refusal=delay.reason))
                    continue
                later.append((key, invocation))
                if not delay.busy:
                    break
        self._spawner.go_home()
        for key, invocation in reversed(later):
            self._waiting[key] = invocation
            self._waiting.move_to_end(key, last=False)
        return started, refused

    def close(self) -> None:
        """Give everything back."""
        self._spawner.close()

    def _start(
        self, key: AttemptKey, invocation: Invocation, server: Optional[ForkServer]
    ) -> Started:
        try:
            reader, writer = output_pipe()
        except OSError as error:
            raise NotYet("no pipe for its output: %s" % error.strerror) from error
        asked_s = since_boot_s()
        place = NO_SLOT
        try:
            unborn = None if server is None else self._fork(server, invocation, writer)
            place = self._board.launching(*key, asked_s)
            pid = self._spawn(key, invocation, writer) if unborn is None else unborn.pid
        except BaseException:
            self._board.not_launched(place)
            os.close(reader)
            os.close(writer)
            raise
        began_s = since_boot_s()
        if began_s - asked_s > _LONG_S:  # we were held up: who looks for it later goes by its time
            began_s = Proc().began_s(pid) or began_s
        self._board.launched(place, pid, began_s)
        if unborn is not None:
            unborn.begin()  # now that it is known whose process it is
        os.set_blocking(reader, False)
        mask = None if self._masker is None else self._masker.stream()
        output = Output(reader, writer, invocation.log_path, self._on_fault, mask)
        return Started(key, invocation, pid, began_s, output, place)

    def _fork(self, server: ForkServer, invocation: Invocation, writer: int) -> Optional[Unborn]:
        self._spawner.go_to(invocation.working_dir)
        return self._servers.fork(server, invocation, writer)

    def _spawn(self, key: AttemptKey, invocation: Invocation, writer: int) -> int:
        if invocation.job_server is not None:
            try:
                self._job_servers.open(key, invocation.job_server)
            except OSError as error:
                raise NotYet("no job server: %s" % error.strerror) from error
        if invocation.limits is None:
            return self._spawner.spawn(invocation, writer)
        try:
            with self._around_spawn(key, invocation.limits):
                return self._spawner.spawn(invocation, writer)
        except OSError as error:
            raise NotStarted("its limits cannot be set: %s" % error.strerror) from error

    def _is_hopeless(self, key: AttemptKey, delay: NotYet, alone: bool, now: float) -> bool:
        """Whether it has waited long enough for what the end of no other attempt can help."""
        if not (delay.busy or alone):
            self._helpless_since.pop(key, None)
            return False
        since = self._helpless_since.setdefault(key, now)
        return now - since > (BUSY_PATIENCE_S if delay.busy else ROOM_PATIENCE_S)
