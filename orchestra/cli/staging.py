"""A case of a test made ready to be played: its plan, and what its run meets. Runs nothing."""

from __future__ import annotations

import datetime
import json
from functools import partial
from itertools import repeat
from typing import NamedTuple, Optional, Sequence

from orchestra import __version__
from orchestra.cli import prepare
from orchestra.engine import planner
from orchestra.engine.opening import Origin
from orchestra.engine.policies import choose
from orchestra.engine.ports import Written
from orchestra.engine.scope import RunFacts, Scopes, Surroundings, evaluate_vars
from orchestra.errors import PathParts, Problem, UsageError
from orchestra.model.expression import ExpressionError, Value
from orchestra.model.plan import Plan, Room
from orchestra.model.scenario import Case, Given, Result
from orchestra.model.secrets import Secrets
from orchestra.model.workflow import Step, Workflow
from orchestra.spec.cases import CaseFile
from orchestra.spec.params import bind
from orchestra.spec.paramtypes import compiled
from orchestra.spec.patience import ImpatientError, finds
from orchestra.steps.files import file_functions
from orchestra.steps.outputs import parse_outputs

_GIB = 2**30
_MACHINE = {"cpu": 8000, "memory": 64 * _GIB}
_GPUS = 8


class Unfit(Exception):
    """What is given in a case cannot be."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(len(problems))
        self.problems = problems


class Stage(NamedTuple):
    """A case that is ready to be played."""

    case: Case
    plan: Plan
    scopes: Scopes
    origin: Origin


def stage(case: Case, found: prepare.Read, tests: CaseFile) -> Stage:
    """Make a case ready to be played.

    Raises:
        Unfit: what is given cannot be; all that is wrong with it.
    """
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
        raise Unfit([Problem(*each) for each in zip(places, repeat("params"), lines)]) from None
    except ExpressionError as fault:
        raise Unfit([Problem(case.path, "vars", fault.message, fault.hint)]) from None
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
        raise Unfit([Problem(where, each.code, each.message, hint) for each in problems])
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
    return Stage(case, plan, scopes, Origin(facts.id, "test", 0, __version__))


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
