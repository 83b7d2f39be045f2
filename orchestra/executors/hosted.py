"""Runs attempts on an engine elsewhere, whose client lives in a helper process. Never blocks."""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal as signals
import socket
import time
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from orchestra.engine.ports import (
    Ended,
    ExecutorStimulus,
    Handle,
    Launched,
    Lost,
    Queued,
    Reattached,
)
from orchestra.executors.errands import errands_of, task_name
from orchestra.executors.frames import Frames, Message, bytes_of, packed, text_of
from orchestra.executors.helper import last_words, start_helper
from orchestra.executors.known import Opening
from orchestra.executors.poller import new_poller
from orchestra.executors.process import CAN_PEEK
from orchestra.model.errand import ELSEWHERE, Errand
from orchestra.model.expression import Value
from orchestra.model.masking import Masker
from orchestra.model.run import AttemptKey, Invocation, Outcome

GRACE_S = 30.0
"""How long the record of an attempt that is over may take to be seen, while the engine answers."""

CLOSE_S = 10.0
"""How long the last attempts may take to die when a run is given up."""

MOST_STARTS = 4
"""How often the helper is started for the run to go on; once more for what is there to end."""

CHECK_S = 60.0
"""How long the engine may take to say whether it can do what is wanted."""

_BLOCK_BYTES = 1 << 18
_BLOCKS_AT_ONCE = 16
_SPARE_S, _FLUSH_S, _NAP_S = 5.0, 0.01, 0.005


class CheckStopped(Exception):
    """Nobody waits any more for what an engine has to say."""


class _Entry(NamedTuple):
    """What has to be known to find an attempt again, and what the engine of the run was told."""

    key: AttemptKey
    order: Message
    launched: bool = False


class HostedExecutor:
    """An Executor for one engine. The helper is started when there is something for it to do.

    It works in the `folder` of the run, which all machines of the engine see by the same path.
    `secrets` are the values to mask; `on_output` is handed each block once it is in the log,
    `on_note` what a person should know though it harms no step, `on_hired` the pid of each helper
    that is started, whose end is then taken by somebody else. `settings` are those of the root of
    the file.
    """

    def __init__(
        self,
        opening: Opening,
        settings: Mapping[str, Value],
        run_id: str,
        folder: str,
        *,
        environ: Mapping[bytes, bytes],
        secrets: Sequence[str] = (),
        masker: Optional[Masker] = None,
        on_output: Optional[Callable[[AttemptKey, bytes], None]] = None,
        on_note: Optional[Callable[[str], None]] = None,
        on_hired: Optional[Callable[[int], None]] = None,
        grace_s: float = GRACE_S,
        close_s: float = CLOSE_S,
    ) -> None:
        self.name = opening.name
        self._run_id = run_id
        self._errands = errands_of(folder)
        self._environ = {**environ, ELSEWHERE: os.fsencode(run_id)}
        self._masker = masker
        self._on_output = on_output
        self._on_note = on_note
        self._on_hired = on_hired
        self._order = {
            "opening": list(opening),
            "settings": dict(settings),
            "run_id": run_id,
            "secrets": list(secrets),
            "grace_s": grace_s,
            "close_s": close_s,
            "watched": on_output is not None,
        }
        self._close_s = close_s
        self._poller = new_poller()
        self._entries: Dict[str, _Entry] = {}
        self._told: List[str] = []
        self._stops: Dict[str, List[str]] = {}
        self._stimuli: List[ExecutorStimulus] = []
        self._faults: List[str] = []
        self._problems: Optional[List[str]] = None
        self._left: Optional[List[str]] = None
        self._starts = 0
        self._why_lost = ""
        self._pid = 0
        self._link: Optional[socket.socket] = None
        self._frames = Frames()
        self._unsent = bytearray()
        self._closed = False

    def check(self, errands: Sequence[Errand], stop_fd: Optional[int] = None) -> List[str]:
        """What is wrong with the engine, or with what is wanted of it; waits for its answer.

        Raises:
            CheckStopped: `stop_fd` has become readable.
        """
        self._say({"do": "check", "errands": [each._asdict() for each in errands]})
        poller = select.poll()
        poller.register(self.fileno(), select.POLLIN)
        if stop_fd is not None:
            poller.register(stop_fd, select.POLLIN)
        deadline = time.monotonic() + CHECK_S
        while self._problems is None and not self._faults:
            left_s = deadline - time.monotonic()
            if left_s < 0:
                return ["%s does not answer within %g s" % (self.name, CHECK_S)]
            wait_s = min(left_s, _FLUSH_S if self._unsent else left_s)
            ready = [fd for fd, _ in poller.poll(wait_s * 1000 + 1)]
            if stop_fd in ready:
                raise CheckStopped
            self._receive()
        problems, self._problems = self._problems or [], None
        return problems or self.faults()

    def fileno(self) -> int:
        """A descriptor that is readable when the helper has news."""
        return self._poller.fileno()

    def submit(self, batch: Sequence[Tuple[AttemptKey, Invocation]]) -> None:
        """Have all of the batch handed to the engine."""
        tasks: List[Message] = []
        for key, invocation in batch:
            order = self._order_for(key, invocation.errand or Errand(self.name))
            order["log_path"] = invocation.log_path
            self._entries[order["name"]] = _Entry(key, dict(order))
            order["argv"] = [text_of(word) for word in invocation.argv]
            fallback = invocation.fallback
            order["fallback"] = None if fallback is None else [text_of(word) for word in fallback]
            order["env"] = {text_of(k): text_of(v) for k, v in invocation.env.items()}
            order["working_dir"] = invocation.working_dir
            tasks.append(order)
        if tasks:
            self._say({"do": "submit", "tasks": tasks})

    def reattach(self, handles: Sequence[Handle]) -> None:
        """Look for attempts of the run that another orchestrator handed to the engine."""
        tasks: List[Message] = []
        for handle in handles:
            errand = Errand(self.name, handle.settings)
            order = self._order_for(handle.key, errand)
            order["log_path"], order["job"] = handle.log_path, handle.job
            self._entries[order["name"]] = _Entry(handle.key, order)
            tasks.append(order)
        if tasks:
            self._say({"do": "reattach", "tasks": tasks})

    def collect(self) -> List[ExecutorStimulus]:
        """What has happened since the last call, in order; never blocks.

        Of what was told of as over before, the folders are removed: that has been recorded.
        """
        for signal in list(self._stops):
            self._say({"do": "stop", "names": self._stops.pop(signal), "signal": signal})
        if self._told:
            self._say({"do": "forget", "names": self._told})
            self._told = []
        self._receive()
        stimuli, self._stimuli = self._stimuli, []
        return stimuli

    def stop(self, key: AttemptKey, signal: str) -> None:
        """Have all processes of an attempt signalled; nothing where it has ended.

        All of a turn go together, so that what waits does not begin in place of what is stopped.
        """
        name = task_name(self._run_id, key)
        if name in self._entries:
            self._stops.setdefault(signal, []).append(name)

    def lend(self, key: AttemptKey, tokens: int) -> None:
        """No attempt elsewhere has a job server."""

    def running(self) -> int:
        """How many attempts have been submitted and not yet been reported as ended."""
        return len(self._entries) + sum(isinstance(each, (Ended, Lost)) for each in self._stimuli)

    def due_in(self) -> Optional[float]:
        """In how many seconds `collect` should be called though `fileno` is not readable."""
        if self._stimuli or self._stops:
            return 0.0
        return _FLUSH_S if self._unsent or self._told else None

    def faults(self) -> List[str]:
        """What has gone wrong that the run cannot go on with; each once."""
        faults, self._faults = self._faults, []
        return faults

    def close(self) -> None:
        """End all that has not ended, as far as the engine answers in time. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        deadline = time.monotonic() + self._close_s + _SPARE_S
        if self._link is not None:
            self._say({"do": "close"})
            poller = select.poll()
            poller.register(self._poller.fileno(), select.POLLIN)
            while self._left is None and self._link is not None and time.monotonic() < deadline:
                poller.poll((_FLUSH_S if self._unsent else 1.0) * 1000)
                self._receive()
        self._leave(self._left)
        self._stimuli.clear()
        self._hang_up(deadline)
        with contextlib.suppress(OSError):
            if not os.path.getsize(self._said()):
                os.unlink(self._said())
            os.rmdir(self._errands)
        self._poller.close()

    def _order_for(self, key: AttemptKey, errand: Errand) -> Message:
        name = task_name(self._run_id, key)
        folder = "%s/%s" % (self._errands, name)
        return {"name": name, "folder": folder, "shown": key.step, "errand": errand._asdict()}

    # The helper

    def _say(self, message: Message) -> None:
        if self._link is None and not self._start():
            self._stimuli += [Lost(each.key, 0, self._why_lost) for each in self._entries.values()]
            self._leave()
            return
        self._unsent += packed(message)
        self._flush()

    def _start(self) -> bool:
        """Start the helper; whether that could be done."""
        if self._starts > MOST_STARTS:
            return False
        self._starts += 1
        try:
            os.makedirs(self._errands, 0o700, exist_ok=True)
            self._pid, link = start_helper(self._environ, self._said())
        except OSError as error:
            self._starts = MOST_STARTS + 1
            self._give_up("its helper process cannot be started: %s" % error.strerror)
            return False
        if self._on_hired is not None:
            self._on_hired(self._pid)
        self._link = link
        self._frames = Frames()
        self._poller.add(link.fileno())
        self._unsent = bytearray(packed(self._order))
        return True

    def _said(self) -> str:
        """The file for what the helper and its libraries have to say."""
        return "%s/%s.txt" % (self._errands, self.name)

    def _flush(self) -> None:
        while self._unsent and self._link is not None:
            try:
                del self._unsent[: self._link.send(self._unsent)]
            except OSError:
                return  # it is full; or dead, which is seen when it is listened to

    def _receive(self) -> None:
        self._flush()
        for _ in range(_BLOCKS_AT_ONCE):
            if self._link is None:
                return
            try:
                block = self._link.recv(_BLOCK_BYTES)
            except BlockingIOError:
                return
            except OSError:
                block = b""
            if not block:
                self._note_death()
                return
            for message in self._frames.feed(block):
                for news in message["news"]:
                    self._hear(news)

    def _note_death(self) -> None:
        """The helper has gone; another one finds what was handed over by its name."""
        self._hang_up(0.0)
        if self._closed or self._left is not None:
            return
        said = last_words(self._said(), self._masker)
        if self._starts >= MOST_STARTS:
            self._give_up("its helper process died %d times%s" % (self._starts, said))
        elif not self._entries and self._problems is None:
            self._starts = MOST_STARTS + 1  # it died of what it was asked
            self._give_up("its helper process died%s" % said)
        if self._entries:
            tasks = [entry.order for entry in self._entries.values()]
            self._say({"do": "reattach", "tasks": tasks})

    def _give_up(self, reason: str) -> None:
        self._why_lost = reason
        self._faults.append("%s: %s" % (self.name, reason))

    def _leave(self, left: Optional[Sequence[str]] = None) -> None:
        """Follow nothing any longer; say what is `left` of it, which may be all."""
        if left is None:
            left = [str(each.order.get("job") or name) for name, each in self._entries.items()]
        if left and self._on_note is not None:
            self._on_note("%s may still run: %s" % (self.name, ", ".join(sorted(left))))
        self._entries.clear()

    def _hang_up(self, deadline: float) -> None:
        """Let go of the helper; from the `deadline` on it is killed."""
        if self._link is None:
            return
        self._poller.remove(self._link.fileno())
        self._link.close()
        self._link = None
        self._unsent.clear()
        while self._is_alive():
            if time.monotonic() >= deadline:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._pid, signals.SIGKILL)
                deadline = math.inf
            time.sleep(_NAP_S)
        if self._on_hired is None:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._pid, 0)
        self._pid = 0

    def _is_alive(self) -> bool:
        """Whether it is; its end may have been taken by the executor of this machine."""
        how = os.WEXITED | os.WNOHANG | os.WNOWAIT
        try:
            if CAN_PEEK:
                return os.waitid(os.P_PID, self._pid, how) is None
            return os.waitpid(self._pid, os.WNOHANG)[0] == 0
        except ChildProcessError:
            return False

    # What it tells

    def _hear(self, news: List[Any]) -> None:
        word, about = news[:2]
        if word == "note":
            if self._on_note is not None:
                self._on_note("%s %s" % (self.name, about))
        elif word == "fault":
            self._faults.append(about)
        elif word == "problems":
            self._problems = about
        elif word == "closed":
            self._left = about
        elif about in self._entries:
            self._hear_of(self._entries[about], word, news[2:])

    def _hear_of(self, entry: _Entry, word: str, rest: List[Any]) -> None:
        key = entry.key
        name = entry.order["name"]
        if word == "output":
            if self._on_output is not None:
                self._on_output(key, bytes_of(rest[0]))
        elif word == "queued":
            entry.order["job"] = rest[0]
            self._stimuli.append(Queued(key, rest[0], rest[1]))
        elif word == "running":
            if not entry.launched:
                self._entries[name] = entry._replace(launched=True)
                self._stimuli.append(Launched(key, 0, 0.0, *rest))
        elif word == "reattached":
            self._note_reattached(entry, *rest)
        elif word == "lost":
            self._end(name, Lost(key, rest[1], rest[0]))
        else:
            fields = rest[0]
            outcome = fields.pop("outcome", None)
            self._end(name, Ended(key, outcome=outcome and Outcome(outcome), **fields))

    def _note_reattached(self, entry: _Entry, elapsed_s: float, node: str) -> None:
        if not entry.launched:
            self._entries[entry.order["name"]] = entry._replace(launched=True)
            self._stimuli.append(Launched(entry.key, 0, 0.0, node))
            self._stimuli.append(Reattached(entry.key, elapsed_s))

    def _end(self, name: str, stimulus: ExecutorStimulus) -> None:
        del self._entries[name]
        self._stimuli.append(stimulus)
        self._told.append(name)
