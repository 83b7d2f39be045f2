"""One run that alerts can be about: what its expressions see, what the runs before it were like."""

from __future__ import annotations

import shlex
import time
from typing import List, Mapping, Optional, Sequence

from orchestra.cli.kept import Kept
from orchestra.cli.outbox import OnSent, Origin, Outbox
from orchestra.engine.scope import RunFacts, Scopes
from orchestra.errors import StoreError
from orchestra.model.expression import Value
from orchestra.model.record import RunRecord
from orchestra.model.run import RunState
from orchestra.model.workflow import AlertWhen, NotifyEntry
from orchestra.reports.alert import CUT_OFF, AlertFacts, make_alert
from orchestra.reports.log_file import LogFolder
from orchestra.steps.files import file_functions
from orchestra.store.sqlite import EarlierRun, RunStore
from orchestra.subscribers.alert_rules import MEASURED_RUNS
from orchestra.subscribers.owed import Owed

_EARLIER_RUNS = 200


class Watched:
    """A run, living or cut off, with what its workflow says of alerts."""

    def __init__(
        self,
        owed: Owed,
        params: Mapping[str, Value],
        facts: RunFacts,
        env_file: Mapping[str, str],
        environ: Mapping[str, str],
        store: RunStore,
        kept: Kept,
    ) -> None:
        self.owed = owed
        self._params = params
        self._facts = facts
        self._env_file = env_file
        self._environ = owed.workflow.inheritable(environ)
        self.kept = kept
        self._store = store
        self._folder = owed.workflow.folder

    @property
    def entries(self) -> Sequence[NotifyEntry]:
        """The entries of `notify`, in the order of the file."""
        return self.owed.workflow.notify

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self._facts.id

    def scopes(self, state: str) -> Scopes:
        """What the expressions of the entries see; `state` is that of the run."""
        workflow = self.owed.workflow
        facts = self._facts._replace(state=state)
        return Scopes(
            workflow,
            self._params,
            self.owed.vars,
            self._environ,
            self._env_file,
            facts,
            file_functions(workflow.folder),
            self.kept.secrets,
        )

    def send(
        self,
        outbox: Outbox,
        record: RunRecord,
        entry: NotifyEntry,
        when: AlertWhen,
        on_sent: OnSent,
        cut_off: bool = False,
        limit_s: Optional[float] = None,
        before: str = "",
    ) -> None:
        """Begin to send the digest of the run to one entry."""
        state_dir = self._store.state.path
        look = "orchestra show %s --state-dir %s" % (record.run_id, shlex.quote(state_dir))
        facts = AlertFacts(time.time(), look, cut_off, limit_s, before)
        alert = make_alert(record, when, facts, LogFolder(self._facts.dir))
        scopes = self.scopes(CUT_OFF if cut_off else record.state.value)
        origin = Origin(self.run_id, self._folder, scopes, self._environ, self.kept)
        outbox.send(origin, entry, when, alert, on_sent)

    def failed_before(self) -> str:
        """The run before this one, if it failed or was cut off; those that tell neither are passed.

        Empty where it did not, or the record cannot be read.
        """
        for run in self._earlier():
            if run.state == RunState.SUCCEEDED.value:
                return ""
            is_dead = run.state == RunState.RUNNING.value and not self._store.is_alive(run.run_id)
            if is_dead or run.state == RunState.FAILED.value:
                return run.run_id
        return ""

    def usual_s(self) -> List[float]:
        """How long the last runs of the file took that succeeded."""
        durations = [
            run.elapsed_s
            for run in self._earlier()
            if run.state == RunState.SUCCEEDED.value and run.elapsed_s is not None
        ]
        return durations[:MEASURED_RUNS]

    def _earlier(self) -> List[EarlierRun]:
        try:
            return self._store.earlier(self.owed.workflow.path, self.run_id, _EARLIER_RUNS)
        except StoreError:
            return []
