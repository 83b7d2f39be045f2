"""What goes on in the helper of an engine: its place is asked, what came of it is told.

It ends when its socket does: then tasks go on, and another helper finds them by their names.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence

from orchestra.executors.charge import Charge, invocation_of
from orchestra.executors.errands import (
    current_umask,
    forestall,
    has_vanished,
    make_errand,
    read_claim,
    read_end,
    remove_errand,
)
from orchestra.executors.fates import (
    WORDLESS,
    Fields,
    is_lost,
    is_settled,
    recorded,
    removed,
    unrecorded,
)
from orchestra.executors.frames import Frames, Message
from orchestra.executors.places import Fate, Gone, News, Place, Queued, Running, Silent
from orchestra.executors.teller import Teller
from orchestra.model.errand import Errand
from orchestra.model.masking import Masker

PART = 500
"""How many tasks are handed over at once."""

_FOLLOW_S = 0.2
_SHARE = 10  # of the time goes into following at most one part
_CLOSE_PERIOD_S = 0.1
BLOCK_BYTES = 1 << 18


class Host:
    """What goes on in it. Every `beat_s` it says that it lives, as long as it has tasks.

    For `grace_s` seconds in which the engine answers it is waited for the record of a task that is
    over; then it is lost. For `close_s` seconds the last tasks may take to die at the end.
    """

    def __init__(
        self,
        place: Place,
        link: socket.socket,
        frames: Frames,
        masker: Optional[Masker],
        grace_s: float,
        close_s: float,
        beat_s: float,
        watched: bool,
    ) -> None:
        self._place = place
        self._link = link
        self._frames = frames
        self._masker = masker
        self._grace_s = grace_s
        self._close_s = close_s
        self._watched = watched
        self._umask = current_umask()
        self._charges: Dict[str, Charge] = {}
        self._running: Dict[str, Charge] = {}
        self._unsent: Dict[str, Charge] = {}
        self._unfound: Dict[str, Charge] = {}
        self._over: Dict[str, Charge] = {}
        self._folders: Dict[str, str] = {}
        self._teller = Teller(link, beat_s)
        self._tell = self._teller.tell
        self._answered_s = 0.0
        self._answered_at: Optional[float] = None
        self._poll_at = self._follow_at = 0.0
        self._does: Dict[str, Callable[[Message], None]] = {
            "check": self._check,
            "submit": self._take,
            "reattach": self._reattach,
            "stop": self._stop,
            "forget": self._forget,
        }

    def serve(self, waiting: Sequence[Message]) -> None:
        """Do as told until there is nobody to tell, or `close` was."""
        poller = select.poll()
        poller.register(self._link, select.POLLIN)
        messages = list(waiting)
        while True:
            for message in messages:
                self._teller.step()
                if message["do"] == "close":
                    self._close()
                    return
                self._does[message["do"]](message)
            self._turn()
            messages = []
            self._teller.idle(len(self._charges) > 0)
            if poller.poll(self._wait_ms()):
                block = self._link.recv(BLOCK_BYTES)
                if not block:
                    return
                messages.extend(self._frames.feed(block))

    def _turn(self) -> None:
        self._teller.step()
        now = time.monotonic()
        if now >= self._poll_at and self._charges:
            self._hand_over()
            self._find()
            self._ask(now)
        if now >= self._follow_at and self._running:
            self._follow(self._running.values())
            took_s = time.monotonic() - now
            self._follow_at = now + took_s + max(_FOLLOW_S, _SHARE * took_s)
        self._teller.send()

    def _wait_ms(self) -> Optional[float]:
        if not self._charges:
            return None
        due = min(self._poll_at, self._follow_at) if self._running else self._poll_at
        return max(0.0, due - time.monotonic()) * 1000 + 1

    # What it is told

    def _check(self, message: Message) -> None:
        errands = [Errand(**each) for each in message["errands"]]
        self._tell("problems", list(self._place.check(errands)))

    def _take(self, message: Message) -> None:
        self._teller.begin()
        for order in message["tasks"]:
            charge = Charge(order, self._stream(), False)
            self._charges[charge.name] = self._unsent[charge.name] = charge
            self._folders[charge.name] = charge.folder
            try:
                make_errand(charge.folder, invocation_of(order, charge.task.errand), self._umask)
            except OSError as error:
                reason = "cannot make %s: %s" % (charge.folder, error.strerror)
                self._end(charge, {"refusal": reason})
        self._hand_over()

    def _reattach(self, message: Message) -> None:
        self._teller.begin()
        for order in message["tasks"]:
            charge = Charge(order, self._stream(), True)
            self._charges[charge.name] = charge
            self._folders[charge.name] = charge.folder
            record = read_end(charge.folder)
            if record is not None:
                charge.record, charge.ended_at = record, record.ended_at
                self._end(charge, recorded(record, None, charge.task.errand, False))
            elif not message["ours"] and not os.path.isdir(charge.folder):
                self._lose(charge, "")
            else:
                self._unfound[charge.name] = charge
        self._find()

    def _stop(self, message: Message) -> None:
        signal: str = message["signal"]
        sent: List[str] = []
        for name in message["names"]:
            charge = self._charges.get(name)
            if charge is None:
                continue
            charge.stopped = signal
            if name in self._unsent:
                forestall(charge.folder)  # a silent engine may have taken it in all the same
                self._end(charge, {"signal": signal})
            elif name in self._over:
                self._judge(charge)
            elif name in self._unfound:
                charge.owed = True
            else:
                sent.append(name)
        for part in range(0, len(sent), PART):
            self._teller.step()
            self._place.stop(sent[part : part + PART], signal)
            self._poll_at = 0.0

    def _forget(self, message: Message) -> None:
        for name in message["names"]:
            folder = self._folders.pop(name, None)
            if folder is not None:
                remove_errand(folder)

    def _close(self) -> None:
        """Let no task live on, as far as the engine answers in time; then say what is left."""
        for charge in list(self._unsent.values()):
            self._end(charge, {"signal": "SIGKILL"})
        deadline = time.monotonic() + self._close_s
        for charge in self._charges.values():
            charge.stopped, charge.owed = "SIGKILL", True
        while self._charges and time.monotonic() < deadline:
            self._find()
            known = [name for name in self._charges if name not in self._unfound]
            if known:
                self._place.stop(known, "SIGKILL")
            self._ask(time.monotonic())
            self._teller.send()
            if self._charges:
                time.sleep(min(_CLOSE_PERIOD_S, self._place.period_s()))
        left = [name for name, charge in self._charges.items() if not forestall(charge.folder)]
        for name, folder in self._folders.items():
            if name not in left:
                remove_errand(folder)
        self._tell("closed", [self._charges[name].job or name for name in left])
        self._teller.send()

    # What it asks the place

    def _hand_over(self) -> None:
        while self._unsent:
            part = list(self._unsent.values())[:PART]
            self._teller.step()
            self._hear(self._place.submit([charge.task for charge in part]))
            untold = [charge for charge in part if charge.name in self._unsent]
            if untold:
                return  # the engine is silent, or slow: again with the next poll

    def _find(self) -> None:
        while self._unfound:
            part = list(self._unfound.values())[:PART]
            self._teller.step()
            self._hear(self._place.find([charge.task for charge in part]))
            if any(charge.name in self._unfound for charge in part):
                return

    def _ask(self, now: float) -> None:
        """Poll, and see who has waited for a record long enough: only time with answers counts."""
        self._teller.step()
        news = self._place.poll()
        if any(type(each) is Silent for each in news):
            self._answered_at = None
        else:
            if self._answered_at is not None:
                self._answered_s += now - self._answered_at
            self._answered_at = now
            self._break_silence()
        self._hear(news)
        for charge in list(self._over.values()):
            self._judge(charge)
        again = [name for name, charge in self._charges.items() if charge.stopped == "SIGKILL"]
        again = [name for name in again if name not in self._over and name not in self._unfound]
        if again:
            self._place.stop(again, "SIGKILL")
        self._poll_at = time.monotonic() + self._place.period_s()

    def _hear(self, all_news: Iterable[News]) -> None:
        for news in all_news:
            if isinstance(news, Silent):
                self._be_silent(news.reason)
                continue
            charge = self._charges.get(news.name)
            if charge is None or charge.gone is not None:
                continue
            if charge.record is not None and type(news) is not Gone:
                continue
            found = self._unfound.pop(news.name, None) is not None
            self._unsent.pop(news.name, None)
            if isinstance(news, Queued):
                self._note_queued(charge, news)
            elif isinstance(news, Running):
                self._note_running(charge, news, found)
            else:
                self._note_gone(charge, news)
            if charge.owed and charge.name in self._charges and charge.name not in self._over:
                charge.owed = False
                self._place.stop([charge.name], charge.stopped)

    def _note_queued(self, charge: Charge, news: Queued) -> None:
        if (charge.job, charge.reason) != (news.job, news.reason) or not charge.told:
            charge.told, charge.job, charge.reason = True, news.job, news.reason
            self._tell("queued", charge.name, news.job, news.reason)

    def _note_running(self, charge: Charge, news: Running, found: bool) -> None:
        if news.job and not charge.job:
            self._note_queued(charge, Queued(news.name, news.job))
        self._running[charge.name] = charge
        if found:
            claim = read_claim(charge.folder)
            elapsed_s = 0.0 if claim is None else max(0.0, time.time() - claim.began_at)
            charge.node = news.node
            self._tell("reattached", charge.name, elapsed_s, news.node)
        else:
            self._note_launched(charge, news.node)

    def _note_launched(self, charge: Charge, node: str, ago_s: float = 0.0) -> None:
        if not charge.node:
            charge.node = node or "?"
            self._tell("running", charge.name, node, ago_s)

    def _note_gone(self, charge: Charge, news: Gone) -> None:
        charge.gone, charge.since_s = news, self._answered_s
        self._running.pop(charge.name, None)
        self._over[charge.name] = charge
        # a folder on another machine's disk is looked at anew when it is opened
        with contextlib.suppress(OSError):
            os.listdir(charge.folder)
        self._judge(charge)

    # What comes of it

    def _follow(self, charges: Iterable[Charge]) -> None:
        """Move output; see who has ended, whatever the engine says."""
        for charge in list(charges):
            charge.follower.follow(charge.show(self._show), self._fault, False)
            record = read_end(charge.folder)
            if record is None:
                continue
            charge.record, charge.since_s = record, self._answered_s
            if is_settled(record, None, bool(charge.stopped)):
                self._settle(charge)
            else:
                self._over[charge.name] = self._running.pop(charge.name)

    def _judge(self, charge: Charge) -> None:
        """Whether one that is over has ended, and how: by its record, or by what the engine says.

        For one that has failed the engine's word is waited for: it may have been behind that.
        """
        gone = charge.gone
        late = self._answered_s - charge.since_s >= self._grace_s
        charge.record = charge.record or read_end(charge.folder)
        if charge.record is not None:
            if late or is_settled(charge.record, gone, bool(charge.stopped)):
                self._settle(charge)
        elif gone is None:
            return
        elif charge.stopped and charge.is_called_off(gone):
            self._end(charge, {"signal": charge.stopped})
        elif gone.fate in WORDLESS and has_vanished(charge.folder):
            self._end(charge, removed(charge.folder))
        elif is_lost(gone):
            self._lose(charge, gone.reason)
        elif (fields := unrecorded(gone, charge.task.errand)) is not None:
            self._end(charge, fields)
        elif gone.fate is Fate.UNKNOWN and forestall(charge.folder):
            self._lose(charge, gone.reason)
        elif late:
            self._lose(charge, gone.reason or "it ended without a record")

    def _settle(self, charge: Charge) -> None:
        assert charge.record is not None
        self._end(
            charge,
            recorded(charge.record, charge.gone, charge.task.errand, bool(charge.stopped)),
        )

    def _end(self, charge: Charge, fields: Fields) -> None:
        record = charge.record
        if record is not None and not record.refusal:
            self._note_launched(charge, record.node, record.ended_at - record.began_at)
        charge.follower.follow(charge.show(self._show), self._fault, True)
        fields = {**fields, "log_bytes": charge.follower.log_bytes, "ended_at": charge.ended_at}
        self._drop(charge)
        self._tell("ended", charge.name, fields)

    def _lose(self, charge: Charge, reason: str) -> None:
        charge.follower.follow(charge.show(self._show), self._fault, True)
        self._drop(charge)
        self._tell("lost", charge.name, reason, charge.follower.log_bytes)

    def _drop(self, charge: Charge) -> None:
        for charges in (self._charges, self._running, self._unsent, self._unfound, self._over):
            charges.pop(charge.name, None)

    def _be_silent(self, reason: str) -> None:
        if not self._teller.silent:
            self._teller.silent = True
            self._tell("note", "does not answer, the run waits for it: %s" % (reason or "no word"))

    def _break_silence(self) -> None:
        if self._teller.silent:
            self._teller.silent = False
            self._tell("note", "answers again")

    def _stream(self) -> Any:
        return None if self._masker is None else self._masker.stream()

    def _show(self, name: str, block: bytes) -> None:
        if self._watched:
            self._teller.show(name, block)

    def _fault(self, fault: str) -> None:
        self._tell("fault", fault)
