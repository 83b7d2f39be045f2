"""Choosing steps: what is left out, what that needs of earlier runs, what it means in a run."""

from __future__ import annotations

import pytest

from orchestra.engine.choice import Choice, left_out, missed_outputs
from orchestra.engine.graph import build
from orchestra.engine.ports import PastOutputs
from orchestra.engine.simulate import predict
from orchestra.errors import UsageError
from orchestra.model.events import ResultReused, StepEnded
from orchestra.model.expression import parse, parse_text
from orchestra.model.plan import Will
from orchestra.model.workflow import (
    Command,
    OutputType,
    PythonCall,
    PythonCode,
    ShellScript,
    Slot,
    Splice,
)
from tests.engine.plans import make_plan, step, workflow
from tests.engine.world import Behaviour, World

N = {"n": OutputType.INT}


def diamond():
    """a above b and c, which are above d; e stands alone."""
    return (step("a"), step("b", "a"), step("c", "a"), step("d", "b", "c"), step("e"))


def graph_of(*steps):
    built, problems = build(workflow(*steps))
    assert built is not None, problems
    return built


def using(id, expression, *needs, **fields):
    """A step whose command has the value of an expression as its argument."""
    body = Command(("echo", parse_text("${{ %s }}" % expression)))
    return step(id, *needs, body=body, **fields)


def play(*steps, behave=lambda key: Behaviour(), **fields):
    plan, scopes = make_plan(*steps, **fields)
    return World(plan, scopes, behave).run()


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (Choice(), {}),
        (Choice(only=("b",)), dict.fromkeys("acde", "--only b")),
        (Choice(only=("b", "d")), dict.fromkeys("ace", "--only b, d")),
        (Choice(start=("b",)), dict.fromkeys("ace", "--from b")),
        (Choice(start=("b", "e")), dict.fromkeys("ac", "--from b, e")),
        (Choice(until=("b",)), dict.fromkeys("cde", "--until b")),
        (Choice(start=("a",), until=("b",)), {"c": "--until b", "d": "--until b", "e": "--from a"}),
        (Choice(skip=("a", "d")), {"a": "--skip a", "d": "--skip d"}),
        (Choice(until=("d",), skip=("c",)), {"c": "--skip c", "e": "--until d"}),
    ],
)
def test_an_option_that_is_repeated_widens_and_each_further_one_narrows(choice, expected):
    assert left_out(graph_of(*diamond()), choice) == expected


@pytest.mark.parametrize(
    ("choice", "message", "hint"),
    [
        (Choice(only=("bild",)), "--only: there is no step `bild`", "did you mean `build`?"),
        (Choice(start=("x",)), "--from: there is no step `x`", "one of build, test"),
        (Choice(until=("Test",)), "--until: there is no step `Test`", "did you mean `test`?"),
        (Choice(skip=("y",)), "--skip: there is no step `y`", "one of build, test"),
        (
            Choice(skip=("build", "test")),
            "these options leave no step to run",
            "name fewer, or others",
        ),
        (
            Choice(only=("build",), start=("test",)),
            "these options leave no step to run",
            "name fewer, or others",
        ),
    ],
)
def test_what_cannot_be_chosen_is_refused(choice, message, hint):
    with pytest.raises(UsageError) as refused:
        left_out(graph_of(step("build"), step("test", "build")), choice)
    assert (refused.value.message, refused.value.hint) == (message, hint)


@pytest.mark.parametrize(
    "user",
    [
        using("z", "steps.a.outputs.n", "a"),
        using("z", "steps.a", "a"),
        using("z", "to_json(steps)", "a"),
        step("z", "a", if_="steps.a.outputs.n > 1"),
        step("z", "a", require=[("steps.a.outputs.n > 1", "no")]),
        step("z", "a", env={"N": parse_text("${{ steps.a.outputs.n }}")}),
        step(
            "z",
            "a",
            body=ShellScript((Slot(parse("steps.a.outputs.n"), Splice.WORD),)),
        ),
    ],
)
def test_outputs_that_a_step_names_are_missed(user):
    missed = missed_outputs(graph_of(step("a", outputs=N), user), {"a": "--only z"})
    assert missed == {"a": (frozenset({"n"}), "z")}


@pytest.mark.parametrize(
    "user",
    [
        step("z", "a"),
        using("z", "steps.a.result", "a"),
        using("z", "steps.b.outputs", "a", "b"),
        step("z", "a", body=PythonCode("print(params)")),
    ],
)
def test_outputs_that_no_step_names_are_not_missed(user):
    graph = graph_of(step("a", outputs=N), step("b"), user)
    assert missed_outputs(graph, {"a": "--only z", "b": "--only z"}) == {}


@pytest.mark.parametrize("body", [PythonCode("steps['a']"), PythonCall("m:f")])
def test_outputs_that_code_may_look_for_are_welcome_but_not_necessary(body):
    graph = graph_of(step("a", outputs=N), step("z", "a", body=body))
    assert missed_outputs(graph, {"a": "--only z"}) == {"a": (frozenset({"n"}), "")}


def test_outputs_that_only_a_step_left_out_names_are_not_missed():
    steps = (step("a", outputs=N), using("b", "steps.a.outputs.n", "a"), step("c", "b"))
    assert missed_outputs(graph_of(*steps), {"a": "--only c", "b": "--only c"}) == {}


def test_outputs_that_no_run_has_keep_the_run_from_starting():
    steps = (step("a", outputs=N), using("z", "steps.a.outputs.n", "a"))
    with pytest.raises(UsageError) as refused:
        make_plan(*steps, chosen=Choice(only=("z",)))
    assert (refused.value.message, refused.value.hint) == (
        "`z` uses outputs of `a`, and no run of flow.yaml has them",
        "run `a` as well, or the whole workflow first",
    )


def test_a_step_left_out_counts_as_a_success_with_the_outputs_of_an_earlier_run():
    steps = (
        step("a", outputs=N),
        using("b", "steps.a.outputs.n", "a", if_="steps.a.outputs.n == 3"),
        step("c", "a", if_="success() and steps.a.result == 'success'"),
        step("d", "a:skipped"),
    )
    past = {"a": PastOutputs("run-0", {"n": 3})}
    world = play(*steps, chosen=Choice(skip=("a",)), past=past)
    assert world.states == {"a": "skipped", "b": "succeeded", "c": "succeeded", "d": "skipped"}
    assert world.reasons["d"] == "`a` left out"
    assert world.events[1:3] == [
        ResultReused("a", "run-0", True),
        StepEnded("a", "skipped", "left out by --skip a, outputs of run run-0", {"n": 3}),
    ]
    record = world.record.step_by_id["a"]
    assert (record.reused_from, record.left_out, record.attempts) == ("run-0", True, [])


def test_a_step_left_out_does_not_cascade_and_keeps_the_order():
    world = play(step("a"), step("b", "a"), step("c", "b"), chosen=Choice(skip=("b",)))
    assert world.launches == [("a", 0.0), ("c", 1.0)]


def test_a_step_left_out_is_blocked_as_if_it_were_not():
    steps = (step("a"), step("b", "a"), step("c", "b"), step("d", if_="false"), step("e", "d"))
    world = play(*steps, behave=lambda key: Behaviour(exit_code=1), chosen=Choice(skip=("b", "e")))
    assert world.states == {
        "a": "failed",
        "b": "blocked",
        "c": "blocked",
        "d": "skipped",
        "e": "skipped",
    }
    assert world.reasons["e"] == "left out by --skip e"


def test_a_step_below_one_left_out_is_blocked_by_others_all_the_same():
    def fails(key):
        return Behaviour(exit_code=1 if key.step == "c" else 0)

    world = play(*diamond(), behave=fails, chosen=Choice(skip=("b",)))
    assert (world.states["b"], world.states["d"]) == ("skipped", "blocked")


def test_the_plan_tells_what_is_left_out_and_takes_no_time_for_it():
    steps = (step("a", duration_s=9.0), step("b", "a", duration_s=2.0))
    plan, _ = make_plan(*steps, chosen=Choice(only=("b",)))
    assert [(p.will, p.reason, p.rank_s) for p in plan.steps] == [
        (Will.SKIP, "left out by --only b", 2.0),
        (Will.RUN, "after a", 2.0),
    ]
    assert (plan.work_s, plan.lower_bound_s, predict(plan).predicted_s) == (2.0, 2.0, 2.0)


def test_a_demand_of_a_step_left_out_is_not_asked_for():
    plan, _ = make_plan(
        step("a"), step("b", resources={"gpu": 8}), chosen=Choice(skip=("b",)), cpu=1
    )
    assert plan.steps[1].demand == {}


def test_a_need_that_a_step_left_out_cannot_meet_is_told_in_the_plan():
    plan, _ = make_plan(step("a"), step("b", "a:failure"), chosen=Choice(skip=("a",)))
    assert (plan.steps[1].will, plan.steps[1].reason) == (Will.SKIP, "`a` is skipped")
