"""The alerts of one run: told while it goes on and when it is over. Joins the parts."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from typing import Callable, Dict, List, Mapping, Sequence, Set

from orchestra.cli.kept import SecretReader
from orchestra.cli.outbox import Outbox, fill_words, label, sent_line
from orchestra.cli.owing import Owing
from orchestra.cli.watched import Watched
from orchestra.engine.ports import Executor
from orchestra.engine.replay import Replay
from orchestra.errors import StoreError
from orchestra.executors.companions import Companions
from orchestra.model.events import AlertSent, Event
from orchestra.model.expression import ExpressionError
from orchestra.model.record import RunRecord
from orchestra.model.run import RunState
from orchestra.model.workflow import AlertWhen, Channel, NotifyEntry
from orchestra.store.awaiting import Awaiting
from orchestra.store.sqlite import RunStore
from orchestra.subscribers.alert_rules import due_at_end, slow_limit
from orchestra.subscribers.delivery import MISSING_APPRISE
from orchestra.subscribers.owed import owed_text

_AGAIN_S = 0.1


class Alerts:
    """Tells of one run while it goes on and when it is over, and of those that were cut off.

    `lines` is what to say of it once the screen is free.
    """

    def __init__(
        self,
        watched: Watched,
        replay: Replay,
        executor: Executor,
        store: RunStore,
        environ: Mapping[str, str],
        read_secrets: SecretReader,
    ) -> None:
        self.lines: List[str] = []
        self.companions = Companions(executor)
        self._watched = watched
        self._replay = replay
        self._awaiting = Awaiting(store.state)
        self._outbox = Outbox(self.companions, store.state.run(watched.run_id).private)
        self._owing = Owing(store, self._outbox, environ, self.lines.append, read_secrets)
        self._note: Callable[[Sequence[Event]], None] = lambda events: None
        self._began = time.monotonic()
        self._limit_by_place: Dict[int, float] = {}
        self._told_slow: Set[int] = set()

    def warnings(self) -> List[str]:
        """What keeps alerts from being sent, as far as it is known before the run."""
        found = []
        scopes = self._watched.scopes(RunState.RUNNING.value)
        for entry in self._watched.entries:
            try:
                fill_words(entry, scopes)
            except ExpressionError as fault:
                said = self._watched.kept.masked(str(fault))
                found.append("the alert %s cannot be sent: %s" % (label(entry), said))
                continue
            if entry.channel is Channel.URL and find_spec("apprise") is None:
                found.append("the alert %s cannot be sent: %s" % (label(entry), MISSING_APPRISE))
        return found

    def begin(self, note: Callable[[Sequence[Event]], None]) -> None:
        """The run begins; `note` records events of it."""
        self._note = note
        self._owing.begin()
        if self._watched.entries:
            try:
                self._awaiting.drop(self._watched.run_id)  # of before the run went on
                self._awaiting.put(self._watched.run_id, owed_text(self._watched.owed))
            except StoreError as fault:
                self.lines.append("alerts of this run would be lost if it died: %s" % fault.message)
            self.companions.call_in(0.0, self._watch_for_slowness)

    def finish(self, stop_fd: int, lost: str = "") -> None:
        """The run is over: tell of it, and wait until all is told; `stop_fd` readable ends that.

        `lost` is why its record was lost on the way, if it was.
        """
        try:
            record = self._replay.record
            if record is not None:
                if lost:
                    reason = "its record was lost: %s" % lost
                    record = replace(record, state=RunState.FAILED, reason=reason)
                self._tell_end(record)
            self.companions.finish(stop_fd)
            self._awaiting.drop(self._watched.run_id)
        except Exception as fault:  # whatever goes wrong with alerts, the run has its result
            self.lines.append("alerts failed: %s: %s" % (type(fault).__name__, fault))
        self._owing.close()
        self.lines += self.companions.dropped

    def _tell_end(self, record: RunRecord) -> None:
        elapsed_s = record.elapsed_s
        if elapsed_s is None:
            elapsed_s = time.monotonic() - self._began
        is_good = record.state is RunState.SUCCEEDED
        before = self._watched.failed_before() if is_good else ""
        for entry in self._watched.entries:
            limit_s = self._limit_by_place.get(entry.place)
            is_slow = limit_s is not None and elapsed_s > limit_s
            is_slow = is_slow and entry.place not in self._told_slow
            when = due_at_end(entry, record.state, bool(before), is_slow)
            if when is not None:
                shown_before = before if when is AlertWhen.RECOVERY else ""
                self._watched.send(
                    self._outbox,
                    record,
                    entry,
                    when,
                    self._sent,
                    limit_s=limit_s if when is AlertWhen.SLOW else None,
                    before=shown_before,
                )

    def _watch_for_slowness(self) -> None:
        # the first turn is recorded by now, so that earlier runs can be told from this one
        asking = [entry for entry in self._watched.entries if AlertWhen.SLOW in entry.when]
        usual_s = self._watched.usual_s() if asking else []
        for entry in asking:
            limit_s = slow_limit(entry, usual_s)
            if limit_s is not None:
                self._limit_by_place[entry.place] = limit_s
                delay_s = limit_s - (time.monotonic() - self._began)
                self.companions.call_in(delay_s, partial(self._tell_slow, entry, limit_s))

    def _tell_slow(self, entry: NotifyEntry, limit_s: float) -> None:
        record = self._replay.record
        if record is None:  # its first events are told in a moment
            self.companions.call_in(_AGAIN_S, partial(self._tell_slow, entry, limit_s))
            return
        self._told_slow.add(entry.place)
        slow, sent = AlertWhen.SLOW, self._sent
        self._watched.send(self._outbox, record, entry, slow, sent, limit_s=limit_s)

    def _sent(self, sent: AlertSent, stopped: bool) -> None:
        self.lines.append(sent_line(sent))
        self._note([sent])
