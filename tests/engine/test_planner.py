"""The plan: what will run, in which order, and what this run can never hold."""

from __future__ import annotations

import pytest

from orchestra.engine import graph, planner
from orchestra.engine.scope import Scopes, evaluate_vars
from orchestra.engine.simulate import predict
from orchestra.model.expression import ExpressionError, parse_text
from orchestra.model.plan import Prediction, Room
from orchestra.model.workflow import InnerSteps
from tests.engine.plans import make_plan, messages, step, workflow


def refusals(*steps, given={}, defaults={"cpu": 4000, "memory": 2**33, "gpu": 0}, **fields):
    flow = workflow(*steps, **fields)
    built, problems = graph.build(flow)
    assert problems == []
    scopes = Scopes(flow, {}, {}, {}, {})
    made, found = planner.plan(
        flow, built, scopes, {}, {}, Room(given, defaults), planner.Limits(None, False)
    )
    assert made is None
    return messages(found)


def wills(*steps, **fields):
    plan, _ = make_plan(*steps, **fields)
    return {p.step.id: (p.will.value, p.reason) for p in plan.steps}


def test_waves_ranks_and_the_critical_path():
    plan, _ = make_plan(
        step("a", duration_s=2.0),
        step("b", "a", duration_s=3.0),
        step("c", "a", duration_s=1.0),
        step("d", "b", "c", duration_s=4.0),
        step("e"),
    )
    assert [(p.step.id, p.wave, p.rank_s) for p in plan.steps] == [
        ("a", 1, 9.0),
        ("b", 2, 7.0),
        ("c", 2, 5.0),
        ("d", 3, 4.0),
        ("e", 1, 1.0),
    ]
    assert [plan.steps[n].step.id for n in plan.critical_path] == ["a", "b", "d"]
    assert plan.work_s == 11.0
    assert plan.lower_bound_s == 9.0


def test_the_lower_bound_knows_the_scarcest_resource():
    plan, _ = make_plan(
        *[step("s%d" % n, duration_s=10.0, resources={"memory": 6 * 2**30}) for n in range(4)]
    )
    assert plan.lower_bound_s == 30.0
    assert predict(plan) == Prediction(40.0, {"cpu": 1000, "memory": 6 * 2**30})


def test_the_lower_bound_knows_how_many_may_run_at_once():
    plan, _ = make_plan(*[step("s%d" % n) for n in range(6)], max_parallel=2)
    assert plan.lower_bound_s == 3.0


def test_a_prediction_counts_waits_and_skips():
    plan, _ = make_plan(
        step("a", duration_s=2.0),
        step("b", duration_s=5.0, if_="false"),
        step("c", "a", duration_s=3.0, if_="failure()"),
        step("d", duration_s=2.0),
        cpu=1,
    )
    assert predict(plan) == Prediction(7.0, {"cpu": 1000})


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"memory": 2**34}, "`a` asks for 16 GiB of memory, this run has 8 GiB"),
        ({"gpu": 1}, "`a` asks for 1 of gpu, this run has 0"),
        ({"db": 1}, "`a` asks for 1 of db, and no budget has it"),
    ],
)
def test_a_demand_that_can_never_be_met_is_refused(resources, message):
    found = refusals(step("a", resources=resources))
    (name,) = resources
    assert found == [(("steps", "a", "resources", name), "over-budget", message)]


def test_a_demand_that_cannot_be_evaluated_is_refused():
    found = refusals(step("a", resources={"memory": parse_text("${{ 1 / 0 }}GiB")}))
    message = "resources.memory: division by zero"
    assert found == [(("steps", "a", "resources"), "expression", message)]


def test_a_cpu_demand_over_a_given_budget_is_refused():
    found = refusals(step("a", resources={"cpu": 2000}), given={"cpu": 1000})
    assert found[0][2] == "`a` asks for 2 of cpu, this run has 1"


def test_a_cpu_demand_over_the_machine_is_lowered_with_a_note():
    plan, _ = make_plan(step("a", resources={"cpu": 64000}), cpu=2)
    assert plan.steps[0].demand == {"cpu": 2000}
    assert plan.notes == ("`a` asks for 64 cpu, this run has 2: lowered to it",)


def test_demands_may_use_params_and_env():
    plan, _ = make_plan(
        step(
            "a",
            env={"MEM": parse_text("${{ params.gib }}GiB")},
            resources={"memory": parse_text("${{ env.MEM }}")},
        ),
        params={"gib": 2},
    )
    assert plan.steps[0].demand == {"cpu": 1000, "memory": 2 * 2**30}


@pytest.mark.parametrize("layer", ["env", "default_env"])
def test_a_demand_that_uses_no_environment_is_known_whatever_that_is_made_of(layer):
    one = step("a", resources={"memory": parse_text("${{ params.gib }}GiB")})
    plan, _ = make_plan(one, params={"gib": 2}, **{layer: {"E": parse_text("${{ run.id }}")}})
    assert plan.steps[0].demand == {"cpu": 1000, "memory": 2 * 2**30}


def test_a_condition_that_uses_no_environment_is_known_whatever_that_is_made_of():
    one = step("a", if_="params.n == 2", env={"E": parse_text("${{ run.id }}")})
    plan, _ = make_plan(one, params={"n": 1})
    assert (plan.steps[0].will.value, plan.steps[0].reason) == ("skip", "if: params.n == 2")


@pytest.mark.parametrize(
    "amount", ["${{ steps.a.outputs.m }}", "${{ len(glob('*.csv')) }}MiB", "${{ env.OF_FILES }}"]
)
def test_a_demand_that_needs_outputs_or_files_is_not_known_yet(amount):
    plan, _ = make_plan(
        step("a"),
        step(
            "b",
            "a",
            env={"OF_FILES": parse_text("${{ len(glob('*')) }}MiB")},
            resources={"memory": parse_text(amount)},
        ),
    )
    assert plan.steps[1].demand is None


def test_a_demand_over_what_is_left_of_a_core_is_predicted_as_all_of_it():
    plan, _ = make_plan(
        step("a", resources={"cpu": 500}),
        step("b", "a", resources={"cpu": parse_text("${{ steps.a.outputs.n }}")}),
        budget={"cpu": 500},
    )
    assert predict(plan) == Prediction(2.0, {"cpu": 500})


@pytest.mark.parametrize("layer", ["env", "default_env"])
def test_an_environment_of_the_run_itself_is_not_asked_for_a_prediction(layer):
    plan, _ = make_plan(step("a"), **{layer: {"RUN": parse_text("${{ run.id }}")}})
    assert predict(plan) == Prediction(1.0, {"cpu": 1000})


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("always()", ("run", "always")),
        ("always() and params.n == 1", ("run", "always")),
        ("not always()", ("skip", "if: not always()")),
        ("always() and params.n == 2", ("skip", "if: always() and params.n == 2")),
        ("always() and steps.a.outputs.x", ("unknown", "if: always() and steps.a.outputs.x")),
        ("always() and failure()", ("unknown", "if: always() and failure()")),
        ("always() and 1 / 0 == 1", ("run", "if: division by zero")),
    ],
)
def test_always_is_known_before_the_run_as_far_as_the_rest_is(condition, expected):
    found = wills(step("a"), step("b", "a", if_=condition), params={"n": 1})
    assert found["b"] == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"env": {"E": "x"}}, ("run", "no needs")),
        ({"env": {"E": parse_text("${{ params.n }}")}}, ("skip", "if: env.E == 'x'")),
        ({"env": {"E": parse_text("${{ run.id }}")}}, ("unknown", "if: env.E == 'x'")),
        ({"default_env": {"E": parse_text("${{ run.id }}")}}, ("unknown", "if: env.E == 'x'")),
        ({"env_files": (".env",)}, ("unknown", "if: env.E == 'x'")),
    ],
)
def test_an_environment_that_only_the_run_knows_decides_nothing_before(fields, expected):
    assert wills(step("a", if_="env.E == 'x'"), params={"n": 1}, **fields) == {"a": expected}


def test_what_will_run_is_told_as_far_as_it_is_known():
    assert wills(
        step("a"),
        step("no", if_="params.region == 'us'"),
        step("yes", if_="params.region == 'eu'"),
        step("below_no", "no", "a"),
        step("below_yes", "yes"),
        step("asks", "a", if_="steps.a.outputs.n > 1"),
        step("below_asks", "asks"),
        step("cleans", "a", if_="always()"),
        step("rescues", "a", if_="failure()"),
        step("mends", "a:failure"),
        step("picks", "no:skipped"),
        step("code", skip_codes=(9,)),
        step("below_code", "code"),
        step("after_code", "code:success,skipped"),
        params={"region": "eu"},
    ) == {
        "a": ("run", "no needs"),
        "no": ("skip", "if: params.region == 'us'"),
        "yes": ("run", "no needs"),
        "below_no": ("skip", "`no` is skipped"),
        "below_yes": ("run", "after yes"),
        "asks": ("unknown", "if: steps.a.outputs.n > 1"),
        "below_asks": ("unknown", "`asks` is not known yet"),
        "cleans": ("run", "always"),
        "rescues": ("unknown", "if: failure()"),
        "mends": ("unknown", "if `a` ends as failure"),
        "picks": ("run", "after no"),
        "code": ("run", "no needs"),
        "below_code": ("unknown", "unless `code` ends as skipped"),
        "after_code": ("run", "after code"),
    }


def inside(if_, *needs):
    """What is told of the steps in a step, of which one is in a step itself."""
    deep = step("deep", body=InnerSteps({"a": step("a")}))
    plan, _ = make_plan(step("above"), step("s", *needs, body=InnerSteps({"deep": deep}), if_=if_))
    [planned] = plan.steps[1].inner
    return [(each.will.value, each.reason) for each in (planned, *planned.inner)]


def test_what_is_in_a_step_that_is_skipped_is_skipped_with_it():
    assert inside("1 > 2") == [("skip", "if: 1 > 2")] * 2


def test_it_is_not_known_of_what_is_in_a_step_of_which_it_is_not_known():
    asks = "steps.above.state == 'cached'"
    assert inside(asks, "above") == [("unknown", "if: " + asks)] * 2


def test_a_plan_of_nothing_is_a_plan():
    plan, _ = make_plan()
    assert (plan.lower_bound_s, plan.critical_path) == (0.0, ())
    assert predict(plan) == Prediction(0.0, {})


def test_vars_may_use_params_and_each_other_in_any_order():
    flow = workflow(
        vars={
            "b": parse_text("${{ vars.a }}!"),
            "a": parse_text("${{ params.x }}"),
            "c": [parse_text("${{ vars.b }}"), {"k": parse_text("${{ params.x + 1 }}")}],
        }
    )
    assert evaluate_vars(flow, {"x": 1}) == {"b": "1!", "a": 1, "c": ["1!", {"k": 2}]}


def test_a_var_that_cannot_be_evaluated_is_an_error():
    with pytest.raises(ExpressionError):
        evaluate_vars(workflow(vars={"a": parse_text("${{ 1 / 0 }}")}), {})


def test_what_steps_took_before_counts_for_more_than_their_hints():
    inside = step("pack", body=InnerSteps({"lint": step("lint", duration_s=9.0)}))
    flow = workflow(step("a", duration_s=5.0), step("b", "a", duration_s=2.0), inside)
    built, _ = graph.build(flow)
    room = Room({}, {"cpu": 4000, "memory": 0, "gpu": 0})
    made, _ = planner.plan(
        flow,
        built,
        Scopes(flow, {}, {}, {}, {}),
        {},
        {},
        room,
        planner.Limits(None, False),
        durations={"a": 1.0, "pack/lint": 4.0, "lint": 7.0},
    )
    assert [(p.step.id, p.duration_s, p.rank_s) for p in made.steps] == [
        ("a", 1.0, 3.0),
        ("b", 2.0, 2.0),
        ("pack", None, 4.0),
    ]
    assert (made.work_s, predict(made).predicted_s) == (7.0, 4.0)
