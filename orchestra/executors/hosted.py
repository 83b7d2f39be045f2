"""Runs attempts on an engine elsewhere, whose client lives in a helper process. Never blocks."""

from __future__ import annotations

import contextlib
import os
import select
import time
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from orchestra.engine.ports import Ended, ExecutorStimulus, Handle, Lost, Unreached
from orchestra.executors.errands import errands_of, forestall, task_name
from orchestra.executors.frames import Message, bytes_of, text_of
from orchestra.executors.handed import Handed
from orchestra.executors.helper import last_words
from orchestra.executors.helper_line import HelperLine
from orchestra.executors.known import Opening
from orchestra.executors.places import Objection
from orchestra.executors.poller import new_poller
from orchestra.model.errand import ELSEWHERE, Errand
from orchestra.model.expression import Value
from orchestra.model.masking import Masker
from orchestra.model.run import AttemptKey, Invocation

GRACE_S = 30.0
"""How long the record of an attempt that is over may take to be seen, while the engine answers."""

CLOSE_S = 10.0
"""How long the last attempts may take to die when a run is given up."""

MOST_STARTS = 4
"""How often the helper is started without progress; once more for what is there to end."""

DEAF_S = 30.0
"""How long nothing may be heard of a helper that has attempts: it is stopped, or hangs."""

STUCK_S = 600.0
"""How long it may be at one thing; a place may ask a slow engine, but not wait for ever."""

CHECK_S = 60.0
"""How long the engine may take to say whether it can do what is wanted."""

_SPARE_S, _TURN_S, _FLUSH_S = 5.0, 1.0, 0.01
_BEATS = 15  # in the time in which nothing may be heard
_HEALTHY_S = 60.0  # a helper that has lived so long has not died of what it was told
_UNHEARD_S, _BUSY_S = 6.0, 6.0  # more than a helper whose engine answers needs


class CheckStopped(Exception):
    """Nobody waits any more for what an engine has to say."""


class HostedExecutor:
    """An Executor for one engine. The helper is started when there is something for it to do.

    It works in the `folder` of the run, which all machines of the engine see by the same path.
    `secrets` are the values to mask; `on_output` is handed each block once it is in the log,
    `on_note` what a person should know though it harms no step, `on_left` the jobs that may still
    run when it is closed, `on_hired` the pid of each helper that is started, whose end is then
    taken by somebody else. `settings` are those of the root of the file.
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
        on_left: Optional[Callable[[str, Sequence[str]], None]] = None,
        on_hired: Optional[Callable[[int], None]] = None,
        grace_s: float = GRACE_S,
        close_s: float = CLOSE_S,
        deaf_s: float = DEAF_S,
        stuck_s: float = STUCK_S,
    ) -> None:
        self.name = opening.name
        self._run_id = run_id
        self._errands = errands_of(folder)
        self._environ = {**environ, ELSEWHERE: os.fsencode(run_id)}
        self._masker = masker
        self._on_output = on_output
        self._on_note = on_note
        self._on_left = on_left
        self._on_hired = on_hired
        self._order = {
            "opening": list(opening),
            "settings": dict(settings),
            "run_id": run_id,
            "secrets": list(secrets),
            "grace_s": grace_s,
            "close_s": close_s,
            "beat_s": deaf_s / _BEATS,
            "watched": on_output is not None,
        }
        self._close_s, self._deaf_s, self._stuck_s = close_s, deaf_s, stuck_s
        self._poller = new_poller()
        self._handed = Handed()
        self._stops: Dict[str, List[str]] = {}
        self._faults: List[str] = []
        self._problems: Optional[List[Objection]] = None
        self._left: Optional[List[str]] = None
        self._starts = 0
        self._why_lost = ""
        self._line: Optional[HelperLine] = None
        self._busy_s = 0.0
        self._silent = self._is_told_of_hanging = False
        self._closed = False

    def check(
        self, errands: Sequence[Errand], stop_fd: Optional[int] = None
    ) -> Sequence[Objection]:
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
                return [Objection("it does not answer within %g s" % CHECK_S)]
            wait_s = min(left_s, _FLUSH_S if self._is_behind() else left_s)
            ready = [fd for fd, _ in poller.poll(wait_s * 1000 + 1)]
            if stop_fd in ready:
                raise CheckStopped
            self._receive()
        problems, self._problems = self._problems or [], None
        return problems or [self._objection(fault) for fault in self.faults()]

    def fileno(self) -> int:
        """A descriptor that is readable when the helper has news."""
        return self._poller.fileno()

    def submit(self, batch: Sequence[Tuple[AttemptKey, Invocation]]) -> None:
        """Have all of the batch handed to the engine."""
        self._begin()
        tasks: List[Message] = []
        for key, invocation in batch:
            order = self._order_for(key, invocation.errand or Errand(self.name))
            order["log_path"] = invocation.log_path
            self._handed.add(key, dict(order))
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
        self._begin()
        tasks: List[Message] = []
        for handle in handles:
            errand = Errand(self.name, handle.settings)
            order = self._order_for(handle.key, errand)
            order["log_path"], order["job"] = handle.log_path, handle.job
            self._handed.add(handle.key, order)
            tasks.append(order)
        if tasks:
            self._say({"do": "reattach", "tasks": tasks, "ours": False})

    def collect(self) -> List[ExecutorStimulus]:
        """What has happened since the last call, in order; never blocks.

        Of what was told of as over before, the folders are removed: that has been recorded.
        """
        for signal in list(self._stops):
            self._say({"do": "stop", "names": self._stops.pop(signal), "signal": signal})
        if self._handed.over:
            self._say({"do": "forget", "names": self._handed.over})
            self._handed.over = []
        self._receive()
        self._mind_hanging()
        stimuli, self._handed.stimuli = self._handed.stimuli, []
        return stimuli

    def stop(self, key: AttemptKey, signal: str) -> None:
        """Have all processes of an attempt signalled; nothing where it has ended.

        All of a turn go together, so that what waits does not begin in place of what is stopped.
        """
        name = task_name(self._run_id, key)
        if name in self._handed:
            self._stops.setdefault(signal, []).append(name)

    def lend(self, key: AttemptKey, tokens: int) -> None:
        """No attempt elsewhere has a job server."""

    def running(self) -> int:
        """How many attempts have been submitted and not yet been reported as ended."""
        ends = sum(isinstance(each, (Ended, Lost)) for each in self._handed.stimuli)
        return len(self._handed) + ends

    def due_in(self) -> Optional[float]:
        """In how many seconds `collect` should be called though `fileno` is not readable."""
        if self._handed.stimuli or self._stops:
            return 0.0
        if self._is_behind() or self._handed.over:
            return _FLUSH_S
        if self._line is None or not self._handed:
            return None
        return max(0.0, self._line.heard_at + self._patience_s(self._line) - time.monotonic())

    def unreached(self) -> List[Unreached]:
        """All attempts, where neither the engine nor the helper has answered for seconds."""
        unheard_s = 0.0 if self._line is None else time.monotonic() - self._line.heard_at
        if self._silent or self._busy_s >= _BUSY_S or unheard_s >= _UNHEARD_S:
            return self._handed.unreached(self.name)
        return []

    def faults(self) -> List[str]:
        """What has gone wrong that the run cannot go on with; each once."""
        faults, self._faults = self._faults, []
        return faults

    def close(self) -> None:
        """End all that has not ended, as far as the engine answers in time. Safe to call twice.

        An engine that is not reached by now is not waited for: what has not begun never will.
        """
        if self._closed:
            return
        self._closed = True
        deadline = time.monotonic() + self._close_s + _SPARE_S
        if self.unreached():
            self._left = self._handed.jobs(lambda folder: not forestall(folder))
            deadline = 0.0
        elif self._line is not None:
            self._say({"do": "close"})
            poller = select.poll()
            poller.register(self._poller.fileno(), select.POLLIN)
            while self._left is None and self._line is not None and time.monotonic() < deadline:
                poller.poll((_FLUSH_S if self._is_behind() else _TURN_S) * 1000)
                self._receive()
        left = self._handed.jobs() if self._left is None else self._left
        if left and self._on_left is not None:
            self._on_left(self.name, left)
        self._handed.drop()
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

    def _begin(self) -> None:
        """Hear of the helper from now on, if it was not asked for anything."""
        if self._line is not None and not self._handed:
            self._line.heard_at = time.monotonic()

    def _say(self, message: Message) -> None:
        if self._line is None:
            self._line = self._start()
        if self._line is not None:
            self._line.say(message)
            return
        if self._handed and self._on_note is not None:
            jobs = ", ".join(self._handed.jobs())
            self._on_note("%s may still run: %s" % (self.name, jobs))
        self._handed.lose(self._why_lost)

    def _start(self) -> Optional[HelperLine]:
        """A new helper, told what it begins with; None if there can be none any more."""
        if self._starts > MOST_STARTS:
            return None
        self._starts += 1
        try:
            os.makedirs(self._errands, 0o700, exist_ok=True)
            line = HelperLine(self._environ, self._said())
        except OSError as error:
            self._starts = MOST_STARTS + 1
            self._give_up("its helper process cannot be started: %s" % error.strerror)
            return None
        if self._on_hired is not None:
            self._on_hired(line.pid)
        self._busy_s, self._silent = 0.0, False
        self._poller.add(line.fileno())
        line.say(self._order)
        return line

    def _said(self) -> str:
        """The file for what the helper and its libraries have to say."""
        return "%s/%s.txt" % (self._errands, self.name)

    def _is_behind(self) -> bool:
        return self._line is not None and self._line.is_behind

    def _receive(self) -> None:
        line = self._line
        if line is None:
            return
        steps = self._handed.steps
        for message in line.listen():
            for news in message["news"]:
                self._hear(news)
        if self._handed.steps > steps:
            self._note_progress()
        if line.is_dead:
            is_healthy = time.monotonic() - line.began_at >= _HEALTHY_S
            self._replace("died", is_healthy)

    def _mind_hanging(self) -> None:
        """Replace a helper that has attempts, and says no word, or is at one thing for ever."""
        line = self._line
        if line is None or not self._handed:
            return
        unheard_s = time.monotonic() - line.heard_at
        if unheard_s < self._patience_s(line) and self._busy_s < self._stuck_s:
            return
        if not self._is_told_of_hanging and self._on_note is not None:
            self._is_told_of_hanging = True
            self._on_note("%s: its helper process hung, another one takes over" % self.name)
        self._replace("hung", False)

    def _patience_s(self, line: HelperLine) -> float:
        """How long nothing may be heard of it; one that has just been started may load for long."""
        return self._deaf_s if line.has_spoken else max(self._deaf_s, self._stuck_s)

    def _replace(self, how: str, is_healthy: bool) -> None:
        """The helper is of no use any more; another one finds what was handed over by its name."""
        self._hang_up(0.0)
        if self._closed:
            return
        if is_healthy:
            self._note_progress()
        said = last_words(self._said(), self._masker)
        if self._starts >= MOST_STARTS:
            self._give_up("its helper process %s %d times%s" % (how, self._starts, said))
        elif not self._handed and self._problems is None:
            self._starts = MOST_STARTS + 1  # it is of no use for what it was asked
            self._give_up("its helper process %s%s" % (how, said))
        if self._handed:
            self._say({"do": "reattach", "tasks": self._handed.orders(), "ours": True})

    def _note_progress(self) -> None:
        """What goes on is not to be given up for what was long ago."""
        if not self._why_lost:
            self._starts = min(self._starts, 1)
            self._is_told_of_hanging = False

    def _give_up(self, reason: str) -> None:
        self._why_lost = reason
        self._faults.append("%s: %s" % (self.name, reason))

    def _hang_up(self, deadline: float) -> None:
        """Let go of the helper; from the `deadline` on it is killed."""
        line, self._line = self._line, None
        if line is not None:
            self._poller.remove(line.fileno())
            line.leave(deadline, self._on_hired is None)

    # What it tells

    def _hear(self, news: List[Any]) -> None:
        word, about = news[:2]
        if word == "alive":
            self._busy_s, self._silent = about, news[2]
        elif word == "note":
            if self._on_note is not None:
                self._on_note("%s %s" % (self.name, about))
        elif word == "fault":
            self._faults.append(about)
        elif word == "problems":
            self._problems = [self._objection(each) for each in about]
        elif word == "closed":
            self._left = about
        elif about in self._handed:
            if word != "output":
                self._handed.hear(about, word, news[2:])
            elif self._on_output is not None:
                self._on_output(self._handed.key_of(about), bytes_of(news[2]))

    def _objection(self, told: Any) -> Objection:
        """As it was told: a sentence, be it that it begins with the name of the engine, or more."""
        if not isinstance(told, str):
            text, errands, hint = told
            return Objection(text, tuple(errands), hint)
        head = self.name + ": "
        return Objection(told[len(head) :] if told.startswith(head) else told)
