"""Tests of workflows: from files and cases to verdicts. Joins the parts; starts no process."""

from __future__ import annotations

import datetime
import json
from functools import partial
from itertools import repeat
from typing import Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from orchestra import __version__
from orchestra.cli import prepare
from orchestra.engine import planner
from orchestra.engine.comparison import SentAlert, differences
from orchestra.engine.holders import handler_expressions, step_expressions
from orchestra.engine.opening import Origin
from orchestra.engine.policies import choose
from orchestra.engine.ports import Written
from orchestra.engine.scope import RunFacts, Scopes, Surroundings, evaluate_vars
from orchestra.engine.trial import Played, Trial
from orchestra.errors import PathParts, Problem, UsageError, WorkflowError
from orchestra.model.events import Envelope
from orchestra.model.expression import ExpressionError, Value, references_of
from orchestra.model.plan import Plan, Room
from orchestra.model.run import RunRecord, RunState
from orchestra.model.scenario import Case, Given, Result
from orchestra.model.secrets import Secrets
from orchestra.model.verdict import Mismatch, Tried, Verdict
from orchestra.model.workflow import AlertWhen, Step, Workflow, steps_within
from orchestra.reports.story import is_about
from orchestra.spec.case_names import Known, problems_of_names
from orchestra.spec.cases import CaseFile, read_case_file
from orchestra.spec.params import bind
from orchestra.spec.paramtypes import compiled
from orchestra.spec.patience import ImpatientError, finds
from orchestra.spec.reader import collection_paused
from orchestra.steps.files import file_functions
from orchestra.steps.outputs import parse_outputs
from orchestra.subscribers.alert_rules import due_at_end, slow_limit

_GIB = 2**30
_MACHINE = {"cpu": 8000, "memory": 64 * _GIB}
_GPUS = 8
_FEWEST_RUNS = 3
_TOLD_STORIES = 5


@collection_paused()
def try_file(path: str, wanted: Sequence[str] = ()) -> Tried:
    """Play the cases of a file; those alone that are `wanted`, if any are.

    Raises:
        UsageError: the file cannot be read, or has no such case.
        WorkflowError: it has faults, or the workflow has that it tests.
    """
    tests = read_case_file(path)
    for name in wanted:
        _refuse_unknown(name, tests)
    found = _workflow_of(tests)
    problems = [*tests.problems, *problems_of_names(tests.layers, Known(found.workflow))]
    stages: List[_Stage] = []
    for case in tests.cases:
        try:
            stages.append(_stage(case, found, tests))
        except _Unfit as fault:
            problems += fault.problems
    if problems:
        raise WorkflowError(tests.faults(problems), tests.document.text)
    named = _named_outputs(found.workflow)
    endings = [_play(stage, named) for stage in stages if not wanted or stage.case.name in wanted]
    return Tried(path, _verdicts(endings, tests))


def _refuse_unknown(name: str, tests: CaseFile) -> None:
    names = [case.name for case in tests.cases]
    if name not in names:
        from orchestra.model.nearest import did_you_mean

        hint = did_you_mean(name, names) or "it has: %s" % ", ".join(names[:5])
        raise UsageError("%s has no case `%s`" % (tests.document.file, name), hint)


def _workflow_of(tests: CaseFile) -> prepare.Read:
    try:
        return prepare.read(tests.workflow)
    except UsageError as fault:
        problem = Problem(("workflow",), "no-workflow", fault.message, "name the file to be tested")
        raise WorkflowError(tests.faults([problem]), tests.document.text) from None


# What is given


class _Unfit(Exception):
    """What is given in a case cannot be."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(len(problems))
        self.problems = problems


class _Stage(NamedTuple):
    """A case that is ready to be played."""

    case: Case
    plan: Plan
    scopes: Scopes
    origin: Origin


def _stage(case: Case, found: prepare.Read, tests: CaseFile) -> _Stage:
    given, workflow = case.given, found.workflow
    start = datetime.datetime.fromtimestamp(given.started_at, datetime.timezone.utc)
    today = start.date()
    bind_used = partial(prepare.bind_used, today=today)
    known = {name: value for name, value in given.params.items() if name in workflow.params}
    try:
        params = bind(workflow, {}, known, given.env, today, workflow.folder)
        variables = evaluate_vars(workflow, params)
    except UsageError as fault:
        lines = fault.message.split("\n")
        places = [_place_of("params", _name_in(line), case, tests) for line in lines]
        raise _Unfit([Problem(*each) for each in zip(places, repeat("params"), lines)]) from None
    except ExpressionError as fault:
        raise _Unfit([Problem(case.path, "vars", fault.message, fault.hint)]) from None
    before = Surroundings(bind_used)
    early = Scopes(workflow, params, variables, given.env, {}, surroundings=before)
    limits = planner.Limits(
        given.max_parallel or workflow.max_parallel,
        workflow.fail_fast if given.fail_fast is None else given.fail_fast,
    )
    room = _room(workflow, given)
    plan, problems = planner.plan(
        workflow, found.graph, early, params, variables, room, limits, force=given.force
    )
    if plan is None:
        where, hint = _place_of("budget", "", case, tests), "give more by `budget` under `given`"
        raise _Unfit([Problem(where, each.code, each.message, hint) for each in problems])
    plan, _ = choose(plan, None)
    facts = RunFacts(
        start.strftime("%Y%m%d-%H%M%S-test"),
        workflow.name,
        today.isoformat(),
        start.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "/run",
    )
    env_files = {workflow.path: given.env_file}
    around = Surroundings(bind_used, lambda path: env_files.get(path, {}), file_functions)
    scopes = Scopes(
        workflow,
        params,
        variables,
        given.env,
        given.env_file,
        facts,
        file_functions(workflow.folder),
        _secrets(workflow, given),
        around,
    )
    return _Stage(case, plan, scopes, Origin(facts.id, "test", 0, __version__))


def _place_of(key: str, name: str, case: Case, tests: CaseFile) -> PathParts:
    """Where a name is given under a key, or the key itself; the case where neither is."""
    layer_by_path = dict(tests.layers)
    for path in ((*case.path, "given"), ("given",)):
        values = layer_by_path.get(path, {}).get(key, {})
        if values and (not name or name in values):
            return (*path, key, name) if name else (*path, key)
    return case.path


def _name_in(line: str) -> str:
    """The name that a fault speaks of."""
    return line.split("`")[1] if line.count("`") > 1 else ""


def _room(workflow: Workflow, given: Given) -> Room:
    """What there is on a machine that is the same wherever the test is played."""
    asked = {**workflow.budget, **given.budget}
    gpus = asked.get("gpu", _GPUS)
    return Room(asked, {**_MACHINE, "gpu": gpus}, tuple(range(gpus)))


def _secrets(workflow: Workflow, given: Given) -> Optional[Secrets]:
    if not workflow.secrets:
        return None
    made_up = {name: "secret %s" % name for name in workflow.secrets}
    return Secrets({**made_up, **given.secrets})


def write_outputs(step: Step, result: Result) -> Written:
    """What an attempt with this result leaves: read as a run would read it from its file."""
    declared = {name: kind for name, kind in step.outputs.items() if name in result.outputs}
    data = b"".join(_block(name, value) for name, value in result.outputs.items())
    written = parse_outputs(data, declared)
    when = step.retry.when
    if when is not None and when.output is not None and result.log:
        try:
            matched = finds(compiled(when.output), result.log.splitlines())
            written = written._replace(matched=matched)
        except ImpatientError:
            written = written._replace(warnings=(*written.warnings, "retry.when.output takes long"))
    return written


def _block(name: str, value: Value) -> bytes:
    """An output as a step writes it: text as it is, all else as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    raw = text.encode("utf-8", "surrogatepass")
    end = "END"
    while end.encode() in raw:
        end += "_"
    return b"%s<<%s\n%s\n%s\n" % (name.encode(), end.encode(), raw, end.encode())


def _named_outputs(workflow: Workflow) -> Mapping[str, FrozenSet[str]]:
    """The outputs that expressions name, by the ids of their steps among their siblings."""
    found: Dict[str, Set[str]] = {}
    holders = [
        holder
        for step in steps_within(workflow.step_by_id, workflow.handlers)
        for _, holder in step_expressions(step)
    ]
    for handler in workflow.handlers.values():
        holders += [holder for _, holder in handler_expressions(handler)]
    for holder in [*holders, dict(workflow.outputs)]:
        for reference in references_of(holder):
            path = reference.path
            if len(path) > 3 and path[0] == "steps" and path[2] == "outputs":
                found.setdefault(str(path[1]), set()).add(str(path[3]))
    return {step: frozenset(names) for step, names in found.items()}


# What came of it


class _Ending(NamedTuple):
    """A case that was played: the run, and all that came otherwise, as problems and mismatches."""

    case: Case
    played: Played
    otherwise: Sequence[Tuple[Problem, Mismatch]]


def _play(stage: _Stage, named: Mapping[str, FrozenSet[str]]) -> _Ending:
    case = stage.case
    trial = Trial(stage.plan, stage.scopes, stage.origin, case.given, write_outputs, named)
    played = trial.play()
    otherwise: List[Tuple[Problem, Mismatch]] = []
    for gap in played.gaps:
        problem = Problem(gap.path or case.path, "gap", "", on_key=not gap.path)
        steps = (gap.step,) if gap.step in played.record.step_by_id else ()
        otherwise.append((problem, Mismatch(0, 0, gap.message, hint=gap.suggestion, steps=steps)))
    if not played.gaps:
        alerts = alerts_of(stage.plan.workflow, case.given, played.record)
        for each in differences(case.expected, played, alerts):
            problem = Problem(each.expectation.path, "difference", "")
            mismatch = Mismatch(0, 0, each.about, each.wanted, each.came, steps=each.steps)
            otherwise.append((problem, mismatch))
    return _Ending(case, played, otherwise)


def _verdicts(endings: Sequence[_Ending], tests: CaseFile) -> List[Verdict]:
    """What the cases came to, with the places in the file: one walk of it finds them all."""
    problems = [Problem(ending.case.path, "", "", on_key=True) for ending in endings]
    problems += [problem for ending in endings for problem, _ in ending.otherwise]
    faults = tests.document.faults(problems)
    places = iter(faults[len(endings) :])
    verdicts = []
    for ending, own in zip(endings, faults):
        mismatches = []
        for (_, mismatch), place in zip(ending.otherwise, places):
            mismatches.append(mismatch._replace(line=place.line, column=place.column))
        record = ending.played.record
        verdicts.append(
            Verdict(
                ending.case.name,
                own.line,
                own.column,
                record.elapsed_s,
                tuple(mismatches),
                _story(ending.played, mismatches),
                record.started_at,
            )
        )
    return verdicts


def _story(played: Played, mismatches: Sequence[Mismatch]) -> Tuple[Envelope, ...]:
    """The events of the steps that the mismatches are about, and those of the run as a whole."""
    steps = {step for mismatch in mismatches[:_TOLD_STORIES] for step in mismatch.steps}
    return tuple(each for each in played.envelopes if is_about(each.event, steps)) if steps else ()


def alerts_of(workflow: Workflow, given: Given, record: RunRecord) -> List[SentAlert]:
    """The alerts that a run sends: those of slowness while it goes on, then those of its end."""
    usual_s = [] if given.usual_s is None else [given.usual_s] * _FEWEST_RUNS
    slow, at_end = [], []
    failed_before = given.failed_before and record.state is RunState.SUCCEEDED
    for entry in workflow.notify:
        limit_s = slow_limit(entry, usual_s)
        if limit_s is not None and (record.elapsed_s or 0.0) > limit_s:
            slow.append(SentAlert(entry.name, AlertWhen.SLOW.value))
        when = due_at_end(entry, record.state, failed_before, is_slow=False)
        if when is not None:
            at_end.append(SentAlert(entry.name, when.value))
    return slow + at_end
