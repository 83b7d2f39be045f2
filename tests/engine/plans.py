"""Workflows and plans for tests of the engine, built without a file."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Sequence, Tuple, Union

from orchestra.engine import choice, graph, planner
from orchestra.engine.scope import Scopes, Surroundings, evaluate_vars
from orchestra.errors import Problem
from orchestra.model.expression import parse
from orchestra.model.plan import Plan, Room
from orchestra.model.selection import PastOutputs
from orchestra.model.workflow import (
    ON_SUCCESS,
    Command,
    Handler,
    Need,
    NeedResult,
    Requirement,
    Step,
    Uses,
    Workflow,
)

BODY = Command(("true",))


def step(id: str, *needs: str, when: Optional[str] = None, if_: str = "", **fields: Any) -> Step:
    """A step that runs something; `needs` are `id` or `id:result,result`."""
    if if_:
        fields["condition"] = parse(if_)
    if "require" in fields:
        fields["require"] = tuple(Requirement(parse(c), m) for c, m in fields["require"])
    fields.setdefault("body", BODY)
    if "handlers" in fields:
        fields["handlers"] = handlers(fields["handlers"])
    return Step(id=id, place=0, needs=tuple(_need(text) for text in needs), **fields)


def handlers(given: Union[str, Mapping[str, Handler]]) -> Mapping[str, Handler]:
    """Handlers by name: `fallback on_failure finally` for some that run something.

    One with a star, as in `finally*`, uses a workflow of two steps with an end of its own.
    """
    if not isinstance(given, str):
        return given
    return {name.rstrip("*"): _handler(name.endswith("*")) for name in given.split()}


def _handler(uses: bool) -> Handler:
    if not uses:
        return Handler(BODY)
    return Handler(Uses(workflow(step("do"), step("more", "do"), handlers=handlers("finally"))))


def _need(text: str) -> Need:
    id, _, results = text.partition(":")
    if results == "done":
        return Need(id, frozenset(NeedResult))
    return Need(id, frozenset(map(NeedResult, results.split(","))) if results else ON_SUCCESS)


def workflow(*steps: Step, **fields: Any) -> Workflow:
    placed = {s.id: s._replace(place=place) for place, s in enumerate(steps)}
    return Workflow("/w/flow.yaml", "/w", "flow", placed, **fields)


def check(flow: Workflow) -> Tuple[Problem, ...]:
    """Everything that is wrong with a graph and its demands, whatever the machine."""
    built, problems = graph.build(flow)
    above = [] if built is None else graph.problems_above(built)
    return (*problems, *above, *graph.problems_of_budget(flow))


def make_plan(
    *steps: Step,
    cpu: int = 4,
    budget: Mapping[str, int] = {},
    devices: Tuple[int, ...] = (),
    max_parallel: Optional[int] = None,
    fail_fast: bool = False,
    params: Optional[Dict[str, Any]] = None,
    environ: Optional[Dict[str, str]] = None,
    files: Optional[Dict[str, Any]] = None,
    chosen: Optional[choice.Choice] = None,
    past: Mapping[str, PastOutputs] = {},
    **fields: Any,
) -> Tuple[Plan, Scopes]:
    """The plan of steps on a machine with `cpu` cores and 8 GiB; it must have no fault."""
    if "handlers" in fields:
        fields["handlers"] = handlers(fields["handlers"])
    flow = workflow(*steps, **fields)
    variables = evaluate_vars(flow, params or {})
    around = Surroundings(lambda used, values: values)
    scopes = Scopes(
        flow, params or {}, variables, environ or {}, {}, files=files, surroundings=around
    )
    built, problems = graph.build(flow)
    assert built is not None, problems
    selection = choice.select(built, chosen or choice.Choice())._replace(past=past)
    defaults = {"cpu": cpu * 1000, "memory": 8 * 2**30, "gpu": len(devices)}
    made, refusals = planner.plan(
        flow,
        built,
        scopes,
        params or {},
        variables,
        Room(budget, defaults, devices),
        planner.Limits(max_parallel, fail_fast),
        selection,
    )
    assert made is not None, refusals
    choice.check(made)
    return made, scopes


def messages(problems: Sequence[Any]) -> Sequence[Tuple[Any, str, str]]:
    return [(problem.path, problem.code, problem.message) for problem in problems]
