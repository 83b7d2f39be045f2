"""Joins a plan with what it is compared with: a run and how it would go on, or a git revision."""

from __future__ import annotations

import os
from typing import Dict, List, Mapping, Optional

from orchestra.cli import options, prepare
from orchestra.cli.history import open_store
from orchestra.cli.prepare import Prepared
from orchestra.cli.versions import Version
from orchestra.engine.changes import changed_steps
from orchestra.engine.comparison import Past, compare
from orchestra.engine.reruns import on_resume
from orchestra.errors import UsageError, WorkflowError
from orchestra.model.comparison import Against, Comparison, OnResume


def comparison(
    prepared: Prepared, version: Version, state_dir: Optional[str], environ: Mapping[str, str]
) -> Comparison:
    """A plan beside a version of its file.

    Raises:
        StoreError: the record of the run cannot be read.
    """
    notes: List[str] = []
    record = version.record
    then = {} if record is None else _on_resume(prepared, version, state_dir, environ, notes)
    if version.workflow is None:
        notes.append("the file is not there as of %s: all of its steps are new" % version.name)
    against = Against(
        version.name,
        version.commit,
        None if record is None else record.state,
        version.workflow is not None,
    )
    has_runs = open_store(state_dir, prepared.plan.workflow.path).state.has_record
    past = Past(version.workflow, record, then, has_runs)
    return compare(prepared.plan, past, against, notes)


def _on_resume(
    prepared: Prepared,
    version: Version,
    state_dir: Optional[str],
    environ: Mapping[str, str],
    notes: List[str],
) -> Dict[str, OnResume]:
    """What `resume` would do with the steps, nothing where the run cannot go on."""
    record, store = version.record, version.store
    assert record is not None
    assert store is not None
    assert version.workflow is not None
    if os.path.realpath(record.path) != os.path.realpath(prepared.plan.workflow.path):
        notes.append("that run is one of another file, %s" % record.path)
        return {}
    if store.is_alive(record.run_id):
        notes.append("that run goes on: what it comes to is not known yet")
        return {}
    wanted = options.resumed(record, None, (), None, None, state_dir)
    try:
        plan = prepare.prepare(record.path, wanted, environ, os.getcwd(), runs=0).plan
    except (UsageError, WorkflowError):
        notes.append("that run cannot go on with the file as it is now")
        return {}
    return on_resume(record, changed_steps(version.workflow, plan.workflow), plan)
