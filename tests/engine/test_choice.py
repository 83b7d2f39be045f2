"""Choosing steps: what is left out, what that needs of earlier runs, what it means in a run."""

from __future__ import annotations

import pytest

from orchestra.engine.choice import Choice, select
from orchestra.engine.graph import build
from orchestra.engine.simulate import predict
from orchestra.errors import UsageError
from orchestra.model.events import ResultReused, StepEnded
from orchestra.model.expression import parse, parse_text
from orchestra.model.plan import Will
from orchestra.model.selection import PastOutputs, Wanted
from orchestra.model.workflow import (
    Command,
    Foreach,
    InnerSteps,
    Matrix,
    OutputType,
    PythonCall,
    PythonCode,
    ShellScript,
    Slot,
    Splice,
    Uses,
)
from tests.engine.plans import make_plan, step, workflow
from tests.engine.world import Behaviour, play

N = {"n": OutputType.INT}


def diamond():
    """a above b and c, which are above d; e stands alone."""
    return (step("a"), step("b", "a"), step("c", "a"), step("d", "b", "c"), step("e"))


def graph_of(*steps):
    built, problems = build(workflow(*steps))
    assert built is not None, problems
    return built


def left_out(graph, choice):
    """The steps at the top that are left out, each with the options that leave it out."""
    selection = select(graph, choice)
    words = {step.id: selection.why_left_out(((step.id,),)) for step in graph.order}
    return {id: why for id, why in words.items() if why}


def using(id, expression, *needs, **fields):
    """A step whose command has the value of an expression as its argument."""
    body = Command(("echo", parse_text("${{ %s }}" % expression)))
    return step(id, *needs, body=body, **fields)


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
    selection = select(graph_of(step("a", outputs=N), user), Choice(only=("z",)))
    assert selection.wanted == {"a": Wanted(frozenset({"n"}), "z", "a")}


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
    assert select(graph, Choice(only=("z",))).wanted == {}


@pytest.mark.parametrize("body", [PythonCode("steps['a']"), PythonCall("m:f")])
def test_outputs_that_code_may_look_for_are_welcome_but_not_necessary(body):
    graph = graph_of(step("a", outputs=N), step("z", "a", body=body))
    wanted = select(graph, Choice(only=("z",))).wanted
    assert wanted == {"a": Wanted(frozenset({"n"}), "", "a")}


def test_outputs_that_only_a_step_left_out_names_are_not_missed():
    steps = (step("a", outputs=N), using("b", "steps.a.outputs.n", "a"), step("c", "b"))
    assert select(graph_of(*steps), Choice(only=("c",))).wanted == {}


def test_outputs_that_no_run_has_keep_the_run_from_starting():
    steps = (step("a", outputs=N), using("z", "steps.a.outputs.n", "a"))
    with pytest.raises(UsageError) as refused:
        make_plan(*steps, chosen=Choice(only=("z",)))
    assert (refused.value.message, refused.value.hint) == (
        "`z` uses outputs of `a`, and no earlier run has them",
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


# Instances, and steps in steps


def chain(id, *needs, items=("x", "y"), **fields):
    """A fan-out whose instances are chains: `build`, and below it `lint`, which uses its output."""
    build = step("build", outputs=N)
    lint = using("lint", "steps.build.outputs.n", "build")
    inner = InnerSteps({"build": build, "lint": lint})
    fan_out = Foreach(list(items)) if items else None
    return step(id, *needs, body=inner, fan_out=fan_out, **fields)


def reuse(id, *needs):
    """A step that uses a workflow: `make`, and below it `send`; its output is that of `make`."""
    used = workflow(
        step("make", outputs=N),
        step("send", "make"),
        outputs={"n": parse_text("${{ steps.make.outputs.n }}")},
    )
    return step(id, *needs, body=Uses(used, {}))


@pytest.mark.parametrize(
    ("choice", "ran"),
    [
        (Choice(only=("b",)), ["b[0]/build", "b[1]/build", "b[0]/lint", "b[1]/lint"]),
        (Choice(only=("b[1]",)), ["b[1]/build", "b[1]/lint"]),
        (Choice(only=("b/build",)), ["b[0]/build", "b[1]/build"]),
        (Choice(only=("b[1]/build",)), ["b[1]/build"]),
        (Choice(only=("b[0]/build", "b[1]")), ["b[0]/build", "b[1]/build", "b[1]/lint"]),
        (Choice(start=("b[1]",)), ["b[1]/build", "b[1]/lint", "c"]),
        (Choice(start=("b[1]/build",)), ["b[1]/build", "b[1]/lint", "c"]),
        (Choice(until=("b[1]/build",)), ["a", "b[1]/build"]),
        (Choice(until=("b/lint",), skip=("a", "b[0]")), ["b[1]/build", "b[1]/lint"]),
        (Choice(skip=("b[0]", "b[1]")), ["a", "c"]),
        (Choice(skip=("b/lint",)), ["a", "b[0]/build", "b[1]/build", "c"]),
    ],
)
def test_instances_and_steps_in_steps_can_be_chosen(choice, ran):
    steps = (step("a"), chain("b", "a"), step("c", "b"))
    past = {"b[%d]/build" % n: PastOutputs("run-0", {"n": n}) for n in range(2)}
    world = play(*steps, chosen=choice, past=past)
    assert [id for id, _ in world.launches] == ran


def test_an_instance_is_named_by_its_values_or_its_number():
    matrix = Matrix({"py": ["3.9", "3.12"], "os": ["a"]})
    for name in ("t[py=3.12,os=a]", "t[1]"):
        world = play(step("t", fan_out=matrix), chosen=Choice(only=(name,)))
        assert world.launches == [("t[py=3.12,os=a]", 0.0)]
        assert world.states == {
            "t": "succeeded",
            "t[py=3.9,os=a]": "skipped",
            "t[py=3.12,os=a]": "succeeded",
        }


def test_instances_left_out_hand_on_the_outputs_of_an_earlier_run():
    fan_out = step("t", fan_out=Foreach([1, 2]), outputs=N)
    user = using("z", "steps.t.outputs.n", "t")
    past = {"t[0]": PastOutputs("run-0", {"n": 7})}
    world = play(
        fan_out,
        user,
        behave=lambda key: Behaviour(outputs={"n": 8}),
        chosen=Choice(start=("t[1]",)),
        past=past,
    )
    ended = [e for e in world.events if isinstance(e, StepEnded) and e.step == "t"]
    assert [e.outputs for e in ended] == [{"n": [7, 8]}]
    assert [e for e in world.events if isinstance(e, ResultReused)] == [
        ResultReused("t[0]", "run-0", True)
    ]


def test_outputs_of_instances_that_no_run_has_keep_the_run_from_starting():
    fan_out = step("t", fan_out=Foreach([1, 2]), outputs=N)
    with pytest.raises(UsageError) as refused:
        make_plan(fan_out, using("z", "steps.t.outputs.n", "t"), chosen=Choice(start=("t[1]",)))
    assert refused.value.message == "`z` uses outputs of `t[0]`, and no earlier run has them"


def test_outputs_of_instances_that_only_the_run_knows_fail_the_one_that_lacks_them():
    above = step("a", outputs={"l": OutputType.JSON})
    fan_out = step("t", "a", fan_out=Foreach(parse_text("${{ steps.a.outputs.l }}")), outputs=N)
    user = using("z", "steps.t.outputs.n", "t")
    world = play(
        above,
        fan_out,
        user,
        behave=lambda key: Behaviour(outputs={"l": [1, 2]}),
        chosen=Choice(skip=("t[0]",)),
    )
    assert (world.states["t[0]"], world.states["z"]) == ("failed", "blocked")
    assert world.reasons["t[0]"] == "`z` uses outputs of `t[0]`, and no earlier run has them"


def test_an_instance_that_only_the_run_knows_to_be_none_fails_the_step():
    above = step("a", outputs={"l": OutputType.JSON})
    fan_out = step("t", "a", fan_out=Foreach(parse_text("${{ steps.a.outputs.l }}")))
    world = play(
        above,
        fan_out,
        behave=lambda key: Behaviour(outputs={"l": [1, 2]}),
        chosen=Choice(until=("t[2]",)),
    )
    assert world.reasons["t"] == "--until t[2]: there is no such instance"


def test_a_fan_out_that_lacks_outputs_of_what_was_left_out_is_marked():
    fan_out = step("t", fan_out=Foreach([1, 2]), outputs=N)
    world = play(
        fan_out, behave=lambda key: Behaviour(outputs={"n": 8}), chosen=Choice(only=("t[1]",))
    )
    assert world.events[-3:-1] == [
        ResultReused("t", "", False),
        StepEnded("t", "succeeded", "1 of 2 succeeded", {"n": [None, 8]}),
    ]


def test_what_a_used_workflow_gives_comes_of_the_steps_left_out_in_it():
    user = using("z", "steps.d.outputs.n", "d")
    past = {"d/make": PastOutputs("run-0", {"n": 5})}
    world = play(reuse("d"), user, chosen=Choice(start=("d/send",)), past=past)
    assert [id for id, _ in world.launches] == ["d/send", "z"]
    ended = [e for e in world.events if isinstance(e, StepEnded) and e.step == "d"]
    assert [e.outputs for e in ended] == [{"n": 5}]
    with pytest.raises(UsageError) as refused:
        make_plan(reuse("d"), user, chosen=Choice(start=("d/send",)))
    assert refused.value.message == "`z` uses outputs of `d/make`, and no earlier run has them"


def test_a_step_that_is_left_out_with_others_in_it_starts_none_of_them():
    world = play(reuse("d"), chain("c", "d"), step("e", "c"), chosen=Choice(only=("e",)))
    assert world.launches == [("e", 0.0)]
    assert world.states == {"d": "skipped", "c": "skipped", "e": "succeeded"}


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("b/bild", "--only: there is no step `b/bild`", "did you mean `build`?"),
        ("a/x", "--only: there are no steps in `a`", ""),
        ("a[0]", "--only: `a` has no instances", ""),
        ("b[2]", "--only b[2]: there is no such instance", "`b` has b[0], b[1]"),
        ("b[x", "--only: there is no step `b[x`", "as in build, a/b, a[0]"),
        ("b//build", "--only: there is no step `b//build`", "as in build, a/b, a[0]"),
        ("", "--only: there is no step ``", "as in build, a/b, a[0]"),
    ],
)
def test_parts_that_are_not_there_are_refused(name, message, hint):
    with pytest.raises(UsageError) as refused:
        make_plan(step("a"), chain("b"), chosen=Choice(only=(name,)))
    assert (refused.value.message, refused.value.hint) == (message, hint)


def test_the_plan_tells_of_each_instance_whether_it_is_left_out():
    plan, _ = make_plan(
        step("t", fan_out=Foreach([1, 2, 3]), duration_s=4.0), chosen=Choice(only=("t[1]",))
    )
    [planned] = plan.steps
    assert [each[:2] for each in planned.instances] == [
        ("t[0]", Will.SKIP),
        ("t[1]", Will.RUN),
        ("t[2]", Will.SKIP),
    ]
    assert (planned.will, planned.reason) == (Will.RUN, "no needs; 2 of 3 need not run")
    assert (planned.title, plan.work_s) == ("t x3", 4.0)
