"""The order of a workflow's steps, and everything that can be wrong with its graph."""

from __future__ import annotations

import time

import pytest

from orchestra.engine import graph
from orchestra.model.expression import parse_text
from orchestra.model.workflow import (
    Command,
    PythonCall,
    PythonCode,
    PythonFile,
    PythonModule,
    ShellScript,
    Slot,
    Splice,
)
from tests.engine.plans import check, messages, step, workflow


def order(*steps):
    built, problems = graph.build(workflow(*steps))
    assert problems == []
    return [s.id for s in built.order]


def test_steps_are_ordered_by_needs_then_by_the_file():
    assert order(step("z"), step("b", "a"), step("a"), step("c", "z")) == ["z", "a", "b", "c"]


def test_a_need_named_twice_counts_once():
    built, _ = graph.build(workflow(step("a"), step("b", "a:failure", "a:success")))
    assert built.needs == ((), (0,))
    assert built.dependents == ((1,), ())


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (
            [step("build"), step("b", "biuld")],
            [(("steps", "b", "needs", 0), "unknown-step", "`b` needs `biuld`, which is no step")],
        ),
        (
            [step("a", "a")],
            [(("steps", "a", "needs", 0), "self-need", "`a` needs itself")],
        ),
        (
            [step("a", "b"), step("b", "a")],
            [
                (
                    ("steps", "a", "needs"),
                    "cycle",
                    "steps need each other in a circle: a needs b needs a",
                )
            ],
        ),
    ],
)
def test_bad_needs_are_named(steps, expected):
    assert messages(check(workflow(*steps))) == expected


def test_an_unknown_need_gets_the_nearest_name():
    (problem,) = check(workflow(step("build"), step("b", "biuld")))
    assert problem.suggestion == "did you mean `build`?"


def test_looking_for_the_nearest_names_of_many_unknown_needs_takes_little_time():
    known = [step("step_%d" % number) for number in range(2000)]
    wrong = step("last", *("stop_%d" % number for number in range(20_000)))
    started = time.process_time()
    assert len(check(workflow(*known, wrong))) == 20_000
    assert time.process_time() - started < 4


def test_all_faults_of_a_graph_are_found_at_once():
    found = check(workflow(step("a", "a", "x"), step("b", "c"), step("c", "b")))
    assert [problem.code for problem in found] == ["self-need", "unknown-step", "cycle"]


def test_a_long_cycle_is_shortened():
    steps = [step("s%d" % n, "s%d" % ((n + 1) % 10000)) for n in range(10000)]
    (problem,) = check(workflow(*steps))
    assert problem.message == (
        "steps need each other in a circle (10000 steps): s0 needs s1 needs s2 needs s3 needs …"
        " needs s9997 needs s9998 needs s9999 needs s0"
    )


def test_a_reference_must_point_up():
    flow = workflow(
        step("a", body=Command((parse_text("x ${{ steps.b.outputs.x }}"),))),
        step("b", "a", env={"X": parse_text("${{ steps.a.outputs.x }}")}),
        step("c", "b", if_="steps.a.result == 'success'"),
    )
    (problem,) = check(flow)
    assert problem.path == ("steps", "a", "command", 0)
    assert problem.message == "`b` does not come before `a`"
    assert problem.suggestion == "add it to the needs of `a`"
    assert problem.offset == 6


@pytest.mark.parametrize(
    "steps",
    [
        [step("a"), step("b", "a:skipped")],
        [step("a"), step("b", "a:failure", "a:success")],
        [step("a", allow_failure=True), step("b", "a:failure")],
        [step("a", body=None), step("b", "a:failure")],
    ],
)
def test_needs_that_can_never_be_met_are_faults(steps):
    (problem,) = check(workflow(*steps))
    assert problem.code == "never-met"
    assert problem.message.startswith("`b` can never run: `a` can never end as")


@pytest.mark.parametrize(
    "steps",
    [
        [step("a", if_="params.x"), step("b", "a:skipped")],
        [step("a", skip_codes=(3,)), step("b", "a:skipped")],
        [step("z", if_="false"), step("a", "z"), step("b", "a:skipped")],
        [step("a"), step("b", "a:failure")],
        [step("a"), step("b", "a:stopped")],
        [step("a", allow_failure=(3,)), step("b", "a:failure")],
        [step("a", body=None, require=[("true", "")]), step("b", "a:failure")],
    ],
)
def test_needs_that_can_be_met_are_none(steps):
    assert check(workflow(*steps)) == ()


def test_a_demand_over_the_files_budget_is_a_fault():
    flow = workflow(
        step("a", resources={"cpu": 3000, "memory": 2**31}), budget={"cpu": 2000, "memory": 2**30}
    )
    assert messages(check(flow)) == [
        (
            ("steps", "a", "resources", "cpu"),
            "over-budget",
            "`a` asks for 3 of cpu, the budget has 2",
        ),
        (
            ("steps", "a", "resources", "memory"),
            "over-budget",
            "`a` asks for 2 GiB of memory, the budget has 1 GiB",
        ),
    ]


def test_the_core_that_a_step_takes_unasked_is_a_demand_as_well():
    flow = workflow(
        step("a"), step("gate", body=None), step("b", resources={"cpu": 0}), budget={"cpu": 500}
    )
    assert messages(check(flow)) == [
        (("steps", "a"), "over-budget", "`a` asks for 1 of cpu, the budget has 0.5")
    ]


X = parse_text("x ${{ steps.b.outputs.x }}")


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"if_": "steps.b.result == 'x'"}, ("if",)),
        ({"require": [("true", ""), ("steps.b.result == 'x'", "")]}, ("require", 1, "if")),
        ({"name": X}, ("name",)),
        ({"working_dir": X}, ("working_dir",)),
        ({"timeout": X}, ("timeout",)),
        ({"env": {"A": "x", "X": X}}, ("env", "X")),
        ({"resources": {"cpu": 1, "memory": X}}, ("resources", "memory")),
        ({"body": ShellScript(("x ", Slot(X.parts[1], Splice.WORD)))}, ("run",)),
        ({"body": Command(("x", X))}, ("command", 1)),
        ({"body": PythonFile("f.py", (X,))}, ("python", "args", 0)),
        ({"body": PythonModule("m", ("x", X))}, ("python", "args", 1)),
        ({"body": PythonCall("m:f", {"n": 1, "x": [X]})}, ("python", "args", "x")),
    ],
)
def test_a_reference_is_found_wherever_it_stands(fields, path):
    (problem,) = check(workflow(step("a", **fields), step("b")))
    assert (problem.path, problem.code) == (("steps", "a", *path), "step-not-above")


@pytest.mark.parametrize("body", [PythonCode("x = 1"), None])
def test_a_body_without_values_refers_to_nothing(body):
    assert check(workflow(step("a", body=body, timeout=1.0))) == ()


def test_a_wide_and_deep_graph_is_checked_in_linear_steps():
    steps = [step("s0")]
    steps += [
        step("s%d" % n, "s%d" % (n - 1), if_="steps.s%d.result == ''" % (n - 1))
        for n in range(1, 5000)
    ]
    assert check(workflow(*steps)) == ()
