"""Steps that another machine runs: their share of the budget here, and what they ask for there."""

from __future__ import annotations

from typing import Dict

from orchestra.engine.machine import Machine
from orchestra.engine.opening import Origin
from orchestra.engine.planner import PlannedErrand, planned_errands
from orchestra.engine.ports import Ended, Launching, Written
from orchestra.engine.scope import Scopes
from orchestra.engine.simulate import predict
from orchestra.engine.stimuli import AttemptOver, Launch, Reaction, SetTimer, TimerFired
from orchestra.engine.whereabouts import executor_of, moved, root_settings
from orchestra.model.errand import Errand
from orchestra.model.expression import parse_text
from orchestra.model.plan import Prediction
from orchestra.model.workflow import Foreach, Handler, InnerSteps, OutputType, Retry, Stop, Uses
from tests.engine.plans import BODY, check, make_plan, messages, step, workflow
from tests.engine.world import Behaviour, ends, play

BIG = {"cpu": 64000, "memory": 2**40, "gpu": 8}
SLURM = {"slurm": {"max_jobs": 2}}


def launched(reaction: Reaction) -> Dict[str, Launching]:
    orders = [order.launching for order in reaction.orders if type(order) is Launch]
    return {launching.key.step: launching for launching in orders}


def errand(*steps, **fields) -> Errand:
    """That of the first step, in a run that has just begun."""
    plan, scopes = make_plan(*steps, **fields)
    first = launched(Machine(plan, scopes, Origin("r", "h", 1, "0"), lambda: 0.5).begin(0.0))
    found = first[steps[0].id].errand
    assert found is not None
    return found


def test_what_asks_for_more_than_this_machine_has_runs_elsewhere() -> None:
    plan, _ = make_plan(step("a", executor="slurm", resources=BIG), cpu=2)
    [planned] = plan.steps
    assert planned.demand == {"executor:slurm": 1}
    assert planned.asked == planned.wanted == BIG
    assert plan.executors == ("slurm",)


def test_the_budget_of_the_file_does_not_bound_what_runs_elsewhere() -> None:
    big = step("a", executor="slurm", resources={**BIG, "licence": 3})
    place = ("steps", "a", "resources", "licence")
    assert messages(check(workflow(big, budget={"cpu": 1000, "licence": 2}))) == [
        (place, "over-budget", "`a` asks for 3 of licence, the budget has 2")
    ]


def test_an_executor_has_at_most_so_many_steps_under_way() -> None:
    steps = [step("s%d" % n, executor="slurm", resources={"cpu": 4000}) for n in range(4)]
    world = play(*steps, cpu=1, executor_settings=SLURM)
    assert world.launches == [("s0", 0.0), ("s1", 0.0), ("s2", 1.0), ("s3", 1.0)]


def test_each_executor_has_its_own_limit_unless_the_file_gives_one() -> None:
    names = ("slurm", "dask", "other")
    plan, _ = make_plan(*[step(name, executor=name) for name in names])
    assert [plan.budget["executor:" + name] for name in names] == [1000, 500, 100]
    plan, _ = make_plan(step("a", executor="slurm"), executor_settings=SLURM)
    assert plan.budget["executor:slurm"] == 2


def test_here_and_elsewhere_do_not_stand_in_each_others_way() -> None:
    elsewhere = [step("e%d" % n, executor="dask", resources={"cpu": 4000}) for n in range(3)]
    world = play(step("here", resources={"cpu": 1000}), *elsewhere, cpu=1)
    assert {at for _, at in world.launches} == {0.0}


def test_named_resources_and_mutexes_count_wherever_a_step_runs() -> None:
    both = {"resources": {"licence": 1}, "mutex": ("m",)}
    world = play(step("a", **both), step("b", executor="slurm", **both), budget={"licence": 2})
    assert world.launches == [("a", 0.0), ("b", 1.0)]


def test_what_is_foretold_knows_the_limit() -> None:
    steps = [step("s%d" % n, executor="slurm", resources={"cpu": 4000}) for n in range(4)]
    plan, _ = make_plan(*steps, cpu=1, executor_settings=SLURM)
    assert plan.lower_bound_s == 2.0
    assert predict(plan) == Prediction(2.0, {"executor:slurm": 2})


def test_the_machine_foretells_the_same_of_instances() -> None:
    spread = step("a", executor="slurm", fan_out=Foreach([1, 2, 3, 4]), resources=BIG)
    plan, _ = make_plan(spread, cpu=1, executor_settings=SLURM)
    assert predict(plan) == Prediction(2.0, {"executor:slurm": 2})


def test_a_step_that_only_holds_others_takes_nothing() -> None:
    inner = InnerSteps({"b": step("b")})
    plan, _ = make_plan(step("a", executor="slurm", body=inner))
    assert (plan.steps[0].demand, plan.executors) == ({}, ())


def test_an_errand_has_what_the_executor_needs() -> None:
    asked = {"cpu": 2500, "memory": parse_text("${{ 2 }}GiB"), "gpu": 1, "licence": 2}
    settings = {
        "partition": parse_text("p${{ 1 + 1 }}"),
        "time": parse_text("${{ 2 }}h"),
        "extra": ["-C", parse_text("--x=${{ 3 }}")],
    }
    a = step("a", executor="slurm", resources=asked, mutex=("m",), timeout=60.0)
    a = a._replace(stop=Stop(grace_s=5.0), executor_settings=settings)
    assert errand(a, budget={"licence": 2}) == Errand(
        "slurm",
        {"partition": "p2", "time": 7200.0, "extra": ["-C", "--x=3"]},
        2500,
        2 * 2**30,
        1,
        {"licence": 2},
        65.0,
    )


def test_a_plain_step_asks_for_one_core_and_any_time() -> None:
    assert errand(step("a", executor="dask")) == Errand("dask")


def test_a_step_here_has_no_errand() -> None:
    plan, scopes = make_plan(step("a"))
    machine = Machine(plan, scopes, Origin("r", "h", 1, "0"), lambda: 0.5)
    assert launched(machine.begin(0.0))["a"].errand is None


def test_a_setting_that_cannot_be_evaluated_fails_the_step() -> None:
    settings = {"time": parse_text("${{ 'soon' }}")}
    world = play(step("a", executor="slurm", executor_settings=settings))
    assert ends(world)["a"] == ("failed", "slurm.time: 'soon' is no duration")


def test_retries_ask_for_more_there() -> None:
    retry = Retry(max=2, resources={"memory": 2.0, "cpu": 1.5, "licence": 2.0})
    asked = {"cpu": 1000, "memory": 2**40, "licence": 1}
    a = step("a", executor="slurm", retry=retry, resources=asked)
    plan, scopes = make_plan(a, cpu=1, budget={"licence": 3})
    machine = Machine(plan, scopes, Origin("r", "h", 1, "0"), lambda: 0.5)
    reaction, found = machine.begin(0.0), []
    for _ in range(3):
        launching = launched(reaction)["a"]
        found.append(launching.errand)
        over = AttemptOver(Ended(launching.key, exit_code=1), Written({}))
        reaction = machine.handle([over], 1.0)
        reaction = after_timers(machine, reaction)
    assert [(e.cpu, e.memory_bytes, e.named) for e in found if e is not None] == [
        (1000, 2**40, {"licence": 1}),
        (1500, 2**41, {"licence": 2}),
        (2250, 2**42, {"licence": 3}),
    ]


def after_timers(machine: Machine, reaction: Reaction) -> Reaction:
    """What comes of the timers that were set, if any were."""
    timers = [order.timer for order in reaction.orders if type(order) is SetTimer]
    return machine.handle([TimerFired(timer) for timer in timers], 2.0) if timers else reaction


def test_handlers_of_a_step_run_where_it_does_and_those_of_the_run_here() -> None:
    a = step("a", executor="slurm", executor_settings={"qos": "q"}, handlers="finally")
    plan, scopes = make_plan(a, handlers={"finally": Handler(BODY)})
    machine = Machine(plan, scopes, Origin("r", "h", 1, "0"), lambda: 0.5)
    first = launched(machine.begin(0.0))["a"]
    end = AttemptOver(Ended(first.key, exit_code=0), Written({}))
    second = launched(machine.handle([end], 1.0))["a:finally"]
    end = AttemptOver(Ended(second.key, exit_code=0), Written({}))
    third = launched(machine.handle([end], 2.0))[":finally"]
    assert (second.errand, third.errand) == (Errand("slurm", {"qos": "q"}), None)


def test_handlers_of_steps_in_a_step_stand_in_line_for_its_executor() -> None:
    inner = InnerSteps({"b": step("b")})
    a = step("a", executor="slurm", body=inner, handlers="on_failure")
    world = play(a, behave={"a/b": Behaviour(exit_code=1)}, executor_settings=SLURM)
    assert world.record.step_by_id["a:on_failure"].resources == {"executor:slurm": 1}


def test_the_settings_of_the_step_that_uses_a_file_hold_in_it() -> None:
    settings = {"partition": parse_text("${{ params.p }}"), "qos": "outer"}
    inner = step("do", executor="slurm", executor_settings={"qos": "inner"})
    uses = Uses(workflow(inner, step("other", executor="dask")))
    a = step("a", executor="slurm", executor_settings=settings, body=uses)
    plan, scopes = make_plan(a, params={"p": "batch"})
    machine = Machine(plan, scopes, Origin("r", "h", 1, "0"), lambda: 0.5)
    found = launched(machine.begin(0.0))
    assert found["a/do"].errand == Errand("slurm", {"partition": "batch", "qos": "inner"})
    assert found["a/other"].errand == Errand("dask")


def test_alike_errands_of_a_plan_are_told_once_before_the_run() -> None:
    unknown = {"partition": parse_text("${{ steps.a.outputs.p }}")}
    plan, scopes = make_plan(
        step("a", executor="slurm", resources=BIG, outputs={"p": OutputType.STRING}),
        step("b", executor="slurm", resources=BIG),
        step("c", executor="slurm", body=InnerSteps({"d": step("d", executor="dask")})),
        step("e", "a", executor="slurm", executor_settings=unknown),
        step("f"),
    )
    big = Errand("slurm", {}, 64000, 2**40, 8)
    assert planned_errands(plan, scopes) == {
        "slurm": [PlannedErrand(big, ["a", "b"])],
        "dask": [PlannedErrand(Errand("dask"), ["d"])],
    }


def test_a_step_may_move_between_runs() -> None:
    held = {"executor:slurm": 1, "licence": 2}
    assert (executor_of(held), executor_of({"cpu": 1000})) == ("slurm", "local")
    assert moved(held, step("a")) == {"cpu": 1000, "licence": 2}
    assert moved(held, step("a", executor="dask")) == {"executor:dask": 1, "licence": 2}


def test_what_an_executor_is_told_at_the_root_is_evaluated_for_it() -> None:
    flow = workflow(step("a"), executor_settings={"dask": {"scheduler": parse_text("${{ 1 }}:2")}})
    scope = Scopes(flow, {}, {}, {}, {}).root_scope()
    assert root_settings(flow, "dask", scope) == {"scheduler": "1:2"}
    assert root_settings(flow, "slurm", scope) == {}
