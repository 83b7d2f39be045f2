"""Fan-out: the rows of a matrix or a list, their names, and how instances run and end together."""

from __future__ import annotations

from typing import Any, List

import pytest

from orchestra.engine.fanout import MOST_INSTANCES, rows_of
from orchestra.engine.fingerprint import digest_of_value
from orchestra.engine.stimuli import StopAsked
from orchestra.model.events import StepEnded, StepsAdded
from orchestra.model.expression import ExpressionError, Scope, Tree, parse_text
from orchestra.model.workflow import Foreach, Matrix, OutputType, Retry
from tests.engine.plans import step
from tests.engine.world import Behaviour, ends, play

NO_NAMES = Scope({"params": {"n": 2}, "vars": {}})


def labels(fan_out: Any) -> List[str]:
    return [row.label for row in rows_of(fan_out, NO_NAMES)]


def fanned(id: str, items: Tree, *needs: str, **fields: Any) -> Any:
    return step(id, *needs, fan_out=Foreach(items), **fields)


FAILS = Behaviour(exit_code=1)


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        (
            Matrix({"py": ["3.9", "3.12"], "os": ["a", "b"]}),
            ["py=3.9,os=a", "py=3.9,os=b", "py=3.12,os=a", "py=3.12,os=b"],
        ),
        (Matrix({"n": [1, 2.5, True, None]}), ["n=1", "n=2.5", "n=true", "n=null"]),
        (Matrix({"a": [1, 2]}, None, [{"a": 2}]), ["a=1"]),
        (
            Matrix({"a": [1, 2], "b": [1]}, None, [{"a": 2, "b": 3}, {"c": 1}]),
            ["a=1,b=1", "a=2,b=1"],
        ),
        (Matrix({"a": [1]}, [{"b": 2}, {"a": 1}]), ["a=1", "b=2", "a=1#2"]),
        (Matrix({}, [{"x": "only"}]), ["x=only"]),
        (Matrix({"a": [True, 1]}, None, [{"a": 1}]), ["a=true"]),
        (Matrix({"a": []}), []),
        (Matrix({"a": ["x,y", "x]", "\n", "\\"]}), ["a=x\\,y", "a=x\\]", "a=\\n", "a=\\\\"]),
        (Matrix({"a": ["x" * 41, "x" * 42]}), ["a=" + "x" * 39 + "…", "a=" + "x" * 39 + "…#2"]),
        (Matrix({"n": parse_text("${{ range(params.n) }}")}), ["n=0", "n=1"]),
    ],
)
def test_a_matrix_is_its_product_less_what_is_excluded_and_what_is_included(
    matrix: Matrix, expected: List[str]
) -> None:
    assert labels(matrix) == expected


def test_every_row_of_a_matrix_has_every_axis() -> None:
    rows = rows_of(Matrix({"a": [1]}, [{"b": 2}]), NO_NAMES)
    assert [row.value for row in rows] == [{"a": 1, "b": None}, {"a": None, "b": 2}]


@pytest.mark.parametrize(
    ("fan_out", "message"),
    [
        (Foreach("abc"), "foreach: this is no list, but text"),
        (Foreach(parse_text("${{ params.n }}")), "foreach: this is no list, but a number"),
        (Matrix({"a": {"b": 1}}), "matrix.a: this is no list, but a mapping"),
        (Matrix({}, [3]), "matrix.include: a row is a mapping, not a number"),
        (
            Matrix({"a": list(range(400)), "b": list(range(400))}),
            "a fan-out has at most %d instances, this one would have 160000" % MOST_INSTANCES,
        ),
    ],
)
def test_what_is_no_list_of_instances_is_refused(fan_out: Any, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        rows_of(fan_out, NO_NAMES)
    assert caught.value.message == message


def test_who_needs_a_fan_out_waits_for_all_of_it() -> None:
    world = play(fanned("a", [1, 2, 3], max_parallel=2), step("b", "a"))
    assert world.launches == [("a[0]", 0.0), ("a[1]", 0.0), ("a[2]", 1.0), ("b", 2.0)]
    assert ends(world)["a"] == ("succeeded", "it needs nothing; 3 instances")


def test_instances_are_recorded_before_they_start() -> None:
    world = play(fanned("a", ["x"], name=parse_text("copy ${{ item }}")))
    added = [e for e in world.events if isinstance(e, StepsAdded)]
    assert [tuple(entry) for event in added for entry in event.steps] == [
        ("a[0]", "copy x", (), {"cpu": 1000}, "a", "instance", digest_of_value("x"), None, "local")
    ]


def test_outputs_are_lists_in_the_order_of_the_instances() -> None:
    behave = {
        "a[0]": Behaviour(lasts=3, outputs={"n": 0}),
        "a[1]": Behaviour(lasts=1, exit_code=1),
        "a[2]": Behaviour(lasts=2, outputs={"n": 2, "more": "m"}),
    }
    world = play(
        fanned("a", [5, 6, 7], outputs={"n": OutputType.INT}, allow_failure=True), behave=behave
    )
    end = [e for e in world.events if isinstance(e, StepEnded)][-1]
    assert (end.step, end.state) == ("a", "allowed_failure")
    assert end.outputs == {"n": [0, None, 2], "more": [None, None, "m"]}


def test_what_a_step_gave_can_be_fanned_out() -> None:
    world = play(
        step("list", outputs={"files": OutputType.JSON}),
        fanned("each", parse_text("${{ steps.list.outputs.files }}"), "list"),
        step("last", "each", if_="len(steps.each.items) == 2 and steps.each.items[1] == 'q'"),
        behave={"list": Behaviour(outputs={"files": ["p", "q"]})},
    )
    assert world.states["each[1]"] == "succeeded"
    assert world.states["last"] == "succeeded"


def test_an_empty_list_is_a_success_with_empty_outputs() -> None:
    world = play(fanned("a", [], outputs={"n": OutputType.INT}), step("b", "a"))
    end = next(e for e in world.events if isinstance(e, StepEnded))
    assert tuple(end) == ("a", "succeeded", "it needs nothing; an empty list", {"n": []})
    assert world.states["b"] == "succeeded"


def test_what_gives_no_list_fails_the_step() -> None:
    world = play(step("a"), fanned("b", parse_text("${{ steps.a.state }}"), "a"))
    assert ends(world)["b"] == ("failed", "foreach: this is no list, but text")


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["succeeded", "failed", "skipped"], "failed"),
        (["succeeded", "skipped"], "succeeded"),
        (["skipped", "skipped"], "skipped"),
        (["allowed_failure", "succeeded"], "allowed_failure"),
    ],
)
def test_the_worst_instance_speaks_for_all(states: List[str], expected: str) -> None:
    codes = {"succeeded": 0, "failed": 1, "skipped": 9, "allowed_failure": 5}
    behave = {"a[%d]" % n: Behaviour(exit_code=codes[s]) for n, s in enumerate(states)}
    items: List[Any] = list(range(len(states)))
    world = play(fanned("a", items, skip_codes=(9,), allow_failure=(5,)), behave=behave)
    assert world.states["a"] == expected


def test_a_failure_is_told_with_how_many_and_the_first() -> None:
    world = play(fanned("a", [1, 2, 3]), step("b", "a"), behave={"a[1]": FAILS, "a[2]": FAILS})
    assert ends(world)["a"] == ("failed", "2 of 3 failed, first `a[1]`: exit code 1")
    assert ends(world)["b"] == ("blocked", "`a` failed")


def test_fail_fast_of_a_step_keeps_its_other_instances_from_starting() -> None:
    world = play(
        fanned("a", [1, 2, 3, 4], max_parallel=2, fail_fast=True),
        step("b"),
        behave={"a[0]": FAILS, "a[1]": Behaviour(lasts=5)},
    )
    assert ends(world)["a[2]"] == ("cancelled", "fail_fast: `a[0]` failed")
    assert world.states == {
        "a[0]": "failed",
        "a[1]": "succeeded",
        "a[2]": "cancelled",
        "a[3]": "cancelled",
        "a": "failed",
        "b": "succeeded",
    }


def test_fail_fast_of_a_step_gives_up_what_waits_for_a_retry() -> None:
    world = play(
        fanned("a", [1, 2], fail_fast=True, retry=Retry(1, delay_s=60)),
        behave={
            "a[0].1": FAILS,
            "a[1]": Behaviour(lasts=5, exit_code=3),
            "a[1].2": FAILS,
            "a[0].2": Behaviour(lasts=1),
        },
    )
    assert world.states["a"] == "failed"


def test_the_roots_fail_fast_looks_at_the_step_when_all_have_ended() -> None:
    world = play(
        fanned("a", [1, 2], fail_fast=False, max_parallel=1),
        step("b", "c"),
        step("c", "d"),
        step("d"),
        behave={"a[0]": FAILS},
        fail_fast=True,
    )
    assert world.states["a[1]"] == "succeeded"
    assert world.states["b"] == "cancelled"


def test_a_condition_that_names_the_item_is_asked_for_each() -> None:
    world = play(fanned("a", [1, 2], if_="item == 2"))
    assert ends(world)["a[0]"] == ("skipped", "if: item == 2 (item is 1)")
    assert world.states == {"a[0]": "skipped", "a[1]": "succeeded", "a": "succeeded"}


def test_a_condition_that_does_not_is_asked_once() -> None:
    world = play(fanned("a", [1, 2], if_="params.n == 3"), params={"n": 2})
    assert ends(world) == {"a": ("skipped", "if: params.n == 3 (params.n is 2)")}


def test_status_functions_of_a_condition_for_each_speak_of_the_needs_of_all() -> None:
    world = play(
        step("x"), fanned("a", [1, 2], "x", if_="failure() and item == 2"), behave={"x": FAILS}
    )
    assert world.states == {"x": "failed", "a[0]": "skipped", "a[1]": "succeeded", "a": "succeeded"}


def test_a_demand_may_differ_from_instance_to_instance() -> None:
    world = play(
        fanned("a", ["1GiB", "8GiB", "9GiB"], resources={"memory": parse_text("${{ item }}")})
    )
    assert world.states["a[1]"] == "succeeded"
    assert ends(world)["a[2]"][0] == "failed"


def test_a_stop_ends_what_runs_and_starts_nothing_more() -> None:
    world = play(
        fanned("a", [1, 2, 3], max_parallel=1),
        behave={"a[0]": Behaviour(lasts=10)},
        stops={2.0: StopAsked("SIGINT", 130)},
    )
    assert world.states == {
        "a[0]": "cancelled",
        "a[1]": "cancelled",
        "a[2]": "cancelled",
        "a": "cancelled",
    }
