"""A workflow as it was: as a run has recorded it, or as a git revision has it."""

from __future__ import annotations

import os
from typing import NamedTuple, Optional

from orchestra.errors import RunUnknown, UsageError
from orchestra.model.record import RunRecord
from orchestra.model.workflow import Workflow
from orchestra.spec.load import Loaded, load
from orchestra.store.sqlite import RunStore

LATEST = "latest"


class Version(NamedTuple):
    """A version of a workflow file: that of a run, whose `record` it has, or of a git revision.

    `name` is the run's id, or the revision as it was given; `commit` is empty for a run;
    `workflow` is None where the file is not in that revision.
    """

    name: str
    workflow: Optional[Workflow]
    commit: str = ""
    record: Optional[RunRecord] = None
    store: Optional[RunStore] = None


def find_version(wanted: str, path: str, state_dir: Optional[str]) -> Version:
    """The version of the file `path` that is meant: a run if there is one, else a git revision.

    `wanted` is a run's id or its beginning, a workflow file, or `latest`, the latest two meaning
    the latest run of a file; or any name of a git revision.

    Raises:
        UsageError: there is neither, more runs than one, or no workflow to read in it.
        StoreError: the record of runs cannot be read.
    """
    from orchestra.cli.history import find_run, open_store

    if not wanted:
        raise UsageError("--against has no value", "name a run, or a git revision")
    own = path if wanted == LATEST or not os.path.isfile(wanted) else wanted
    store = open_store(state_dir, own)
    try:
        try:
            run_id = store.find(os.path.abspath(path) if wanted == LATEST else wanted, os.getcwd())
        finally:
            store.close()
    except RunUnknown:
        try:
            return _of_revision(wanted, path)
        except UsageError as fault:
            if wanted != LATEST:
                raise
            problem = "no run of %s is recorded, and git has no revision `latest`" % path
            raise UsageError(problem, "run it first, or name a git revision") from fault
    found = find_run(run_id, store.state.path)
    workflow = workflow_of_run(found.store, found.record)
    return Version(run_id, workflow, record=found.record, store=found.store)


def workflow_of_run(store: RunStore, record: RunRecord) -> Workflow:
    """The workflow with which a run last began or went on.

    Raises:
        UsageError: it was not kept, or cannot be read any more.
        StoreError: the record cannot be read.
    """
    sources = store.sources(record.run_id)
    if not sources:
        raise UsageError(
            "run %s was recorded by an orchestra that kept no workflow" % record.run_id,
            "run the workflow anew",
        )

    def read(path: str) -> bytes:
        try:
            return sources[os.path.abspath(path)]
        except KeyError:
            raise UsageError("cannot read %s" % path) from None

    loaded = load(record.path, read=read, is_past=True)
    before = loaded.workflow or loaded.draft
    if before is None:
        raise UsageError(
            "this orchestra cannot read the workflow that run %s began with" % record.run_id,
            "run the workflow anew",
        )
    return before


def _of_revision(name: str, path: str) -> Version:
    """The version in a git revision; nothing of it where the file is not in that."""
    from orchestra.cli.revisions import Revision

    revision = Revision(name, os.path.dirname(os.path.abspath(path)))
    data = revision.find(path)
    if data is None:
        return Version(name, None, revision.commit)
    loaded = load(path, data, revision.read, is_past=True)
    before = loaded.workflow or loaded.draft
    if before is None:
        raise UsageError(_why_unread(loaded, name), "name another revision, or a run")
    return Version(name, before, revision.commit)


def _why_unread(loaded: Loaded, name: str) -> str:
    first = next(fault for fault in loaded.faults if fault.severity == "error")
    about = (loaded.document.file, name, first.line, first.column, first.message)
    return "%s cannot be read as of %s: line %d, column %d: %s" % about
