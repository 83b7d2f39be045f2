"""Tells of runs that died before they could tell it themselves. Each is told of once."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from typing import Callable, Dict, List, Mapping, Optional, Tuple

from orchestra.cli.kept import SecretReader
from orchestra.cli.outbox import Outbox, label, sent_line
from orchestra.cli.watched import Watched
from orchestra.engine.replay import fold
from orchestra.engine.scope import RunFacts
from orchestra.errors import StoreError, UsageError
from orchestra.model.events import AlertSent
from orchestra.model.record import RunRecord
from orchestra.model.run import RunState
from orchestra.model.workflow import AlertWhen, NotifyEntry
from orchestra.steps.environment import read_env_file
from orchestra.store.awaiting import Awaiting
from orchestra.store.locks import Lock
from orchestra.store.sqlite import RunStore
from orchestra.subscribers.alert_rules import due_at_end
from orchestra.subscribers.owed import Owed, read_owed, used_secrets

_MOST_AT_ONCE = 8

Due = List[Tuple[NotifyEntry, AlertWhen]]


class Owing:
    """The runs of a state directory that still owe alerts, told beside another run.

    A kernel lock is held from `begin` to `close`, so that no other run tells of them too; one that
    dies meanwhile leaves them to the next. `say` is given a line for each alert.
    """

    def __init__(
        self,
        store: RunStore,
        outbox: Outbox,
        environ: Mapping[str, str],
        say: Callable[[str], None],
        read_secrets: SecretReader,
    ) -> None:
        self._store = store
        self._outbox = outbox
        self._environ = environ
        self._say = say
        self._read_secrets = read_secrets
        self._awaiting = Awaiting(store.state)
        self._claim: Optional[Lock] = None
        self._left_by_run: Dict[str, int] = {}

    def begin(self) -> None:
        """Begin to tell of them; the others are left to later runs where there are very many."""
        if not self._awaiting.cut_off():
            return
        self._claim = self._awaiting.claim()
        if self._claim is None:
            return
        for run_id in self._awaiting.cut_off()[:_MOST_AT_ONCE]:
            try:
                self._tell_of(run_id)
            except (StoreError, UsageError, ValueError) as fault:
                self._say("alerts about run %s could not be sent: %s" % (run_id, _words(fault)))
                self._awaiting.drop(run_id)

    def close(self) -> None:
        """All has been told, or time is up."""
        if self._claim is not None:
            self._claim.release()

    def _tell_of(self, run_id: str) -> None:
        text = self._awaiting.read(run_id)
        record = fold(self._store.envelopes(run_id))
        if text is None or record is None:  # it died before it had begun
            self._awaiting.drop(run_id)
            return
        owed = read_owed(text)
        watched = self._watched(owed, record)
        cut_off = record.state is RunState.RUNNING
        due = _due(owed, record, cut_off)
        self._left_by_run[run_id] = len(due)
        if not due:
            self._awaiting.drop(run_id)
        for entry, when in due:
            on_sent = partial(self._sent, run_id)
            watched.send(self._outbox, record, entry, when, on_sent, cut_off)

    def _watched(self, owed: Owed, record: RunRecord) -> Watched:
        began = datetime.fromtimestamp(record.started_at, timezone.utc)
        facts = RunFacts(
            record.run_id,
            record.workflow,
            datetime.fromtimestamp(record.started_at).date().isoformat(),
            began.isoformat(timespec="seconds").replace("+00:00", "Z"),
            self._store.state.run(record.run_id).path,
        )
        env_file: Dict[str, str] = {}
        for name in owed.workflow.env_files:
            env_file.update(read_env_file(os.path.join(owed.workflow.folder, name)))
        kept = self._read_secrets(replace(owed.workflow, secrets=used_secrets(owed.workflow)))
        store = self._store
        return Watched(owed, record.params, facts, env_file, self._environ, store, kept)

    def _sent(self, run_id: str, sent: AlertSent, stopped: bool) -> None:
        self._say(sent_line(sent, run_id))
        if stopped:  # by a person who wants this run to end: the next one tells it
            return
        self._left_by_run[run_id] -= 1
        self._store.add_after(run_id, [sent], time.time())
        if not self._left_by_run[run_id]:
            self._awaiting.drop(run_id)


def _due(owed: Owed, record: RunRecord, cut_off: bool) -> Due:
    """What has not been told yet: that it failed, or how it ended just before it died."""
    state = RunState.FAILED if cut_off else record.state
    told = {(alert.entry, alert.when) for alert in record.alerts}
    due = []
    for entry in owed.workflow.notify:
        when = due_at_end(entry, state, False, False)
        if when is not None and (label(entry), when.value) not in told:
            due.append((entry, when))
    return due


def _words(fault: Exception) -> str:
    return getattr(fault, "message", "") or str(fault)
