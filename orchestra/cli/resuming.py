"""What is needed to go on with a run: its workflow as it was, and what of its record counts."""

from __future__ import annotations

import time
from typing import (
    TYPE_CHECKING,
    Container,
    Dict,
    FrozenSet,
    List,
    Mapping,
    NamedTuple,
    Sequence,
    Tuple,
)

from orchestra.cli.history import command_line
from orchestra.cli.versions import workflow_of_run
from orchestra.engine.changes import changed_steps
from orchestra.engine.opening import Origin, run_resumed
from orchestra.engine.past import Past
from orchestra.engine.reopening import being_stopped, results_to_drop, run_once
from orchestra.engine.replay import Replay, fold
from orchestra.engine.scope import Scopes
from orchestra.errors import RunBroken, RunHeld, StoreError
from orchestra.executors.survivors import Survivors
from orchestra.model.events import Envelope
from orchestra.model.plan import Plan
from orchestra.model.record import RunRecord
from orchestra.model.run import AttemptKey, RunState, plain_id
from orchestra.model.whereabouts import open_elsewhere
from orchestra.model.workflow import Workflow
from orchestra.store.directory import RunFolder
from orchestra.store.sqlite import RunStore

if TYPE_CHECKING:
    from orchestra.cli.recalling import Open

_SHOWN = 5


class Resumption(NamedTuple):
    """A run that is to go on, and which steps are defined differently now, with what differs."""

    run_id: str
    started_at: float
    changed: Mapping[str, Tuple[str, ...]]


class GoesOn(NamedTuple):
    """What the machine goes on from, and the last event that was recorded.

    `executors` are those to which attempts were handed that have not ended as far as is known.
    """

    past: Past
    recorded: Envelope
    executors: FrozenSet[str]


def refuse_held(store: RunStore, record: RunRecord) -> None:
    """See that no orchestrator is at work on the run, as far as can be told before it is locked.

    Raises:
        RunHeld: one is.
        StoreError: it cannot be told.
    """
    store.state.check_run(record.run_id)
    if store.is_alive(record.run_id):
        raise RunHeld(record.run_id)


def is_done(record: RunRecord, changed: Mapping[str, Tuple[str, ...]]) -> bool:
    """Whether there is nothing to go on with."""
    return record.state is RunState.SUCCEEDED and not changed


def changes_since(store: RunStore, record: RunRecord, now: Workflow) -> Dict[str, Tuple[str, ...]]:
    """The steps that are defined differently from when the run last began or went on.

    Raises:
        UsageError: its workflow was not kept, or cannot be read any more.
        StoreError: the record cannot be read.
    """
    return changed_steps(workflow_of_run(store, record), now)


def words_of(record: RunRecord, changed: Mapping[str, Tuple[str, ...]], now: Workflow) -> List[str]:
    """What a person should know before a run goes on: what is changed, what runs again for it."""
    if record.state is RunState.SKIPPED:
        return []  # nothing of it has run
    once = run_once(now)
    stopped = being_stopped(record, once)
    dropped = results_to_drop(record, changed, once)
    lines = ["changed: `%s` (%s)" % (step, ", ".join(what)) for step, what in changed.items()]
    if len(lines) > _SHOWN:
        lines[_SHOWN:] = ["changed: %d steps more" % (len(lines) - _SHOWN)]
    unnamed = [id for id in dropped if not _is_named(plain_id(id), changed)]
    halted = [id for id in unnamed if id in stopped]
    if halted:
        lines.append("runs again, since it was being stopped: %s" % _names(halted))
    below = [id for id in unnamed if id not in stopped]
    if below:
        lines.append("runs again, since something above it does: %s" % _names(below))
    return lines


def _names(ids: List[str]) -> str:
    """The first of these steps, and how many more there are."""
    more = ", and %d more" % (len(ids) - _SHOWN) if len(ids) > _SHOWN else ""
    return ", ".join("`%s`" % id for id in ids[:_SHOWN]) + more


def _is_named(id: str, changed: Container[str]) -> bool:
    """Whether a step is among these, or part of one that is."""
    while id and id not in changed:
        id = id.rpartition("/")[0]
    return bool(id)


def take_up(
    resumption: Resumption,
    store: RunStore,
    plan: Plan,
    scopes: Scopes,
    origin: Origin,
    replay: Replay,
    folder: RunFolder,
) -> GoesOn:
    """Read the record of a run that this process holds, and end what must not run on.

    Raises:
        StoreError: it cannot be read.
        RunBroken: an engine does not say that it has ended what is to run again.
    """
    envelopes = list(store.envelopes(resumption.run_id))
    replay.apply(envelopes)
    record = replay.record
    if record is None:
        raise StoreError(store.state.database, "run %s has no events" % resumption.run_id)
    dropped = results_to_drop(record, resumption.changed, run_once(plan.workflow))
    resumed = run_resumed(plan, scopes, origin, dropped)
    recorded = envelopes[-1]
    at = max(time.time(), recorded.at)
    before = open_elsewhere(record)
    past = fold([*envelopes, Envelope(recorded.seq + 1, at, resumed)])
    assert past is not None
    under_way = [
        (step, step.attempts[-1])
        for step in past.step_by_id.values()
        if step.attempts and step.attempts[-1].outcome is None
    ]
    kept = [AttemptKey(step.id, attempt.number) for step, attempt in under_way]
    Survivors(resumption.run_id).end_all_but(kept)
    _end_elsewhere(store, record, [each for each in before if each[0] not in kept])
    executors = frozenset(attempt.executor for _, attempt in under_way)
    return GoesOn(Past(past, resumed, at), recorded, executors)


def _end_elsewhere(store: RunStore, record: RunRecord, attempts: Sequence[Open]) -> None:
    """End attempts at engines of steps that are about to run again."""
    if not attempts:
        return
    from orchestra.cli.recalling import end_elsewhere  # what no other run needs

    lines = end_elsewhere(store, record, attempts)
    if lines:
        again = "`%s` again, once it answers" % command_line("resume", record.run_id, store.state)
        raise RunBroken("run %s cannot go on: %s" % (record.run_id, "; ".join(lines)), again)
