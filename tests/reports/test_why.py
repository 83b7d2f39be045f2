"""`why`, told from the record of a run: chains to the root cause, waits and who was in the way."""

from __future__ import annotations

import pytest

from orchestra.engine.caching import Finding, KeptSuccess
from orchestra.engine.choice import Choice
from orchestra.engine.replay import fold
from orchestra.engine.stimuli import StopAsked
from orchestra.model.events import (
    AttemptStarted,
    Envelope,
    PlannedEntry,
    RunStarted,
    StepReady,
)
from orchestra.model.look import Look
from orchestra.model.workflow import Cache, Retry
from orchestra.reports.why import Shortage, Wait, render_why, why, why_data
from tests.engine.plans import make_plan, step
from tests.engine.world import Behaviour, World

FAILS = Behaviour(exit_code=2)
CACHE = Cache(("in.csv",))


def play(*steps, behave=None, stops={}, findings={}, **fields):
    table = behave or {}
    plan, scopes = make_plan(*steps, **fields)
    world = World(
        plan,
        scopes,
        lambda key: table.get("%s.%d" % key, table.get(key.step, Behaviour())),
        stops,
        findings=findings,
    )
    return world.run().record


def told(record, step):
    return render_why(record, step, 0.0, Look())


def test_a_blocked_step_leads_to_the_root_cause():
    record = play(step("a"), step("b", "a"), step("c", "b"), step("d", "c"), behave={"a": FAILS})
    assert told(record, "d") == (
        "`d` blocked: `c` blocked\n"
        "  `c` blocked: `b` blocked\n"
        "  `b` blocked: `a` failed\n"
        "  `a` failed: exit code 2\n"
    )


def test_the_need_that_blocked_is_the_one_that_is_told():
    steps = (step("ok"), step("a"), step("b", "ok", "a"))
    assert [c.id for c in why(play(*steps, behave={"a": FAILS}), "b", 0.0).chain] == ["a"]


def test_a_false_if_is_told_with_its_values():
    record = play(step("a", if_="params.n > 3"), step("b", "a"), params={"n": 2})
    assert told(record, "a") == "`a` skipped: its `if` is false: params.n > 3 (params.n is 2)\n"
    assert told(record, "b") == (
        "`b` skipped: `a` skipped\n  `a` skipped: if: params.n > 3 (params.n is 2)\n"
    )


def test_fail_fast_names_the_failure():
    steps = (step("a"), step("b", resources={"cpu": 4000}))
    record = play(*steps, behave={"a": FAILS}, fail_fast=True)
    assert told(record, "b").splitlines()[:2] == [
        "`b` cancelled: fail_fast: `a` failed",
        "  `a` failed: exit code 2",
    ]


def test_a_stop_is_told():
    record = play(step("a"), step("b", "a"), stops={0.5: StopAsked("SIGINT", 130)})
    assert told(record, "b") == "`b` cancelled: stopped by SIGINT\n"


def test_what_the_cache_found_is_told_of_steps_that_ran_and_failed():
    finding = Finding("f", {}, reason="`clean.py` changed since run r0")
    steps = (step("a", cache=CACHE), step("b", cache=CACHE), step("c", cache=CACHE))
    hit = Finding("f", {}, KeptSuccess("r0", {}, {}, {}), "up to date since run r0")
    record = play(*steps, behave={"b": FAILS}, findings={"a": finding, "b": finding, "c": hit})
    assert [told(record, id) for id in "abc"] == [
        "`a` succeeded: `clean.py` changed since run r0\n",
        "`b` failed: exit code 2; it ran because `clean.py` changed since run r0\n",
        "`c` cached: up to date since run r0\n",
    ]
    data = why_data(record, "c", 0.0)
    assert (data["state"], data["reused_from"], data["ran_because"]) == ("cached", "r0", None)


def test_a_step_left_out_is_told_with_the_option():
    record = play(step("a"), step("b", "a"), chosen=Choice(only=("b",)))
    assert told(record, "a") == "`a` skipped: left out by --only b\n"
    assert why_data(record, "a", 0.0)["left_out"] is True


def test_attempts_that_were_retried_are_told():
    record = play(step("a", retry=Retry(max=2)), behave={"a.1": FAILS, "a.2": FAILS})
    assert told(record, "a") == (
        "`a` succeeded: it needs nothing; attempt 3 succeeded\n"
        "  attempt 1: exit code 2\n"
        "  attempt 2: exit code 2\n"
    )


GIB = 2**30


@pytest.mark.parametrize(
    ("resources", "fields", "shortages", "words"),
    [
        (
            {"memory": 5 * GIB, "cpu": 0},
            {},
            (Shortage("memory", ("big",)),),
            "for memory held by `big`",
        ),
        (
            {"cpu": 4000},
            {},
            (Shortage("cpu", ("big", "small")),),
            "for cpu held by `big`, `small`",
        ),
        (
            {"cpu": 4000, "memory": 5 * GIB},
            {},
            (Shortage("cpu", ("big", "small")), Shortage("memory", ("big",))),
            "for cpu held by `big`, `small` and memory held by `big`",
        ),
        (
            {"cpu": 0},
            {"max_parallel": 2},
            (Shortage("slots", ("big", "small")),),
            "for one of the slots held by `big`, `small`",
        ),
    ],
)
def test_a_wait_tells_what_was_short_and_who_held_it(resources, fields, shortages, words):
    steps = (
        step("big", resources={"memory": 5 * GIB}, priority=2),
        step("small", priority=1),
        step("late", resources=resources),
    )
    lasts = {"big": Behaviour(lasts=12.0), "small": Behaviour(lasts=3.0)}
    record = play(*steps, behave=lasts, **fields)
    (wait,) = why(record, "late", 0.0).waits
    assert wait == Wait(1, 12.0 if "memory" in words or "cpu" in words else 3.0, shortages)
    assert told(record, "late").splitlines()[1].startswith("  waited ")
    assert told(record, "late").splitlines()[1].endswith(words)


def test_a_short_wait_is_not_worth_a_word():
    record = play(step("a"), step("b", resources={"cpu": 4000}), behave={"a": Behaviour(lasts=0.5)})
    assert why(record, "b", 0.0).waits == ()
    assert why(record, "a", 0.0).waits == ()


def test_a_mutex_is_a_resource():
    steps = (step("a", mutex=("db",)), step("b", mutex=("db",)))
    record = play(*steps, behave={"a": Behaviour(lasts=5.0)})
    assert told(record, "b").splitlines()[1] == "  waited 5.0s for mutex:db held by `a`"


def test_all_who_held_it_meanwhile_are_told():
    steps = (step("a", mutex=("db",)), step("b", mutex=("db",)), step("c", mutex=("db",)))
    record = play(*steps, behave={"a": Behaviour(lasts=2.0), "b": Behaviour(lasts=3.0)})
    assert told(record, "c").splitlines()[1] == "  waited 5.0s for mutex:db held by `b`, `a`"


def test_a_step_in_line_tells_what_it_waits_for():
    steps = (PlannedEntry(id, id, (), {"db": 1}) for id in ("a", "b"))
    opening = RunStarted("r", "w", "/w", {}, {"db": 1}, None, 0.0, "h", 1, "0", {}, tuple(steps))
    events = (
        opening,
        StepReady("a", {"db": 1}),
        AttemptStarted("a", 1, 0.0, ()),
        StepReady("b", {"db": 1}),
    )
    record = fold(Envelope(n, 100.0 + n, event) for n, event in enumerate(events, 1))
    assert record is not None
    assert why(record, "b", 109.0).waits == (Wait(1, 5.0, (Shortage("db", ("a",)),), goes_on=True),)
    words = render_why(record, "b", 109.0, Look()).splitlines()
    assert words == ["`b` ready", "  has waited 5.0s for db held by `a`"]
