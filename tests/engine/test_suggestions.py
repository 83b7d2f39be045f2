"""What steps should ask for, and which one to shorten first."""

from __future__ import annotations

import pytest

from orchestra.engine.simulate import predict
from orchestra.engine.suggestions import advise, shorten_first, suggest
from orchestra.model.expression import parse_text
from orchestra.model.sample import Sample
from orchestra.model.suggestion import Shortening, Suggestion
from orchestra.model.workflow import InnerSteps
from tests.engine.plans import make_plan, step

MIB = 2**20


def used(memory_mib, cpu, runs=1):
    return [Sample(1, 1.0, round(memory_mib * MIB), cpu)] * runs


@pytest.mark.parametrize(
    ("cpu", "proposed"),
    [(0, 250), (260, 250), (300, 500), (990, 1000), (1010, 1000), (1300, 2000), (3900, 4000)],
)
def test_cores_are_rounded_up_to_what_people_write(cpu, proposed):
    plan, _ = make_plan(step("a"))
    (found,) = suggest(plan, {"a": used(1, cpu)})
    assert found.proposed["cpu"] == proposed


@pytest.mark.parametrize(
    ("mib", "proposed"),
    [(0.2, 1), (1.5, 2), (9, 9), (17, 18), (200, 208), (612, 640), (1024, 1024)],
)
def test_memory_is_rounded_up_with_a_little_to_spare(mib, proposed):
    plan, _ = make_plan(step("a"))
    (found,) = suggest(plan, {"a": used(mib, 1000)})
    assert found.proposed["memory"] == proposed * MIB


def test_one_run_of_many_that_used_more_is_left_out():
    plan, _ = make_plan(step("a", duration_s=3.0, resources={"memory": 64 * MIB}))
    samples = [*used(16, 1000, 19), *used(900, 4000)]
    assert suggest(plan, {"a": samples, "gone": samples}) == (
        Suggestion(
            "a",
            20,
            3.0,
            {"cpu": 1000, "memory": 64 * MIB},
            {"cpu": 1000, "memory": 16 * MIB},
        ),
    )


def test_what_is_not_measured_or_not_known_yet_is_left_out():
    plan, _ = make_plan(
        step("a"),
        step("b", "a", resources={"memory": parse_text("${{ steps.a.outputs.m }}")}),
        step("pack", body=InnerSteps({"lint": step("lint")})),
    )
    nothing = [Sample(1, 1.0, None, None)]
    found = suggest(plan, {"b": nothing, "pack/lint": used(1, 1000)})
    assert [(each.step, each.asked, each.proposed) for each in found] == [
        ("b", None, {}),
        ("pack/lint", {"cpu": 1000}, {"cpu": 1000, "memory": MIB}),
    ]


def test_no_cores_are_proposed_where_some_of_those_in_use_were_lent():
    plan, _ = make_plan(step("make", jobserver=True))
    (found,) = suggest(plan, {"make": used(1, 3900)})
    assert found.proposed == {"memory": MIB}


def test_the_step_to_shorten_first_is_that_which_shortens_the_run_most():
    plan, _ = make_plan(
        step("a", duration_s=4.0),
        step("b", "a", duration_s=6.0),
        step("aside", duration_s=9.0),
        cpu=2,
    )
    assert predict(plan).predicted_s == 10.0
    assert shorten_first(plan, 10.0) == Shortening("b", 9.0)


def test_instances_and_steps_in_steps_count_together():
    fanned = step("many", body=InnerSteps({"in": step("in", duration_s=2.0)}))
    plan, _ = make_plan(fanned, step("after", "many", duration_s=1.0))
    assert advise(plan, {}, 3.0).shorten_first == Shortening("many/in", 2.0)


def test_where_no_step_alone_matters_none_is_named():
    plan, _ = make_plan(*(step("s%d" % n, duration_s=5.0) for n in range(4)), cpu=4)
    assert shorten_first(plan, 5.0) is None
