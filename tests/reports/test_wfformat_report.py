"""A run as WfFormat: by the rules of the format, and what it says of each kind of step."""

from __future__ import annotations

import json

import pytest

from orchestra.errors import UsageError
from orchestra.model.events import PlannedEntry, RunStarted, StepEnded, StepsAdded
from orchestra.reports.wfformat_report import instance_data, render_wfformat
from tests.formats.wfformat_rules import faults
from tests.subscribers.stories import Story

TAKES = {"cpu": 500}


def begun(*entries: PlannedEntry) -> Story:
    """A run of these steps has begun."""
    run = RunStarted("r1", "wf", "/w.yaml", {}, {}, None, None, "box.local", 1, "0.9", {}, entries)
    return Story().tell(0, run)


def over(story: Story) -> Story:
    """The same run with all its steps ended."""
    record = story.record()
    ended = [StepEnded(id, "succeeded", "", {}) for id in record.step_by_id]
    return story.tell(8, *ended).finish(9, "succeeded", 0)


def entry(id: str, *needs: str, owner: str = "", role: str = "step") -> PlannedEntry:
    return PlannedEntry(id, id, needs, TAKES, owner, role)


def graph(story: Story) -> dict:
    """The parents of each task by its id."""
    data = instance_data(over(story).record())
    assert faults(data) == []
    return {task["id"]: task["parents"] for task in data["workflow"]["specification"]["tasks"]}


def test_the_whole_of_a_small_run() -> None:
    story = begun(entry("a"), entry("b", "a"), entry("c", "b"))
    story.start(1, "a").end(3, "a", "succeeded").tell(4, StepEnded("b", "skipped", "no", {}))
    story.tell(5, StepEnded("c", "blocked", "no", {})).finish(5, "failed", 1)
    data = json.loads(render_wfformat(story.record()))
    assert faults(data) == []
    assert data == {
        "name": "wf",
        "description": "Run r1 of orchestra",
        "createdAt": "1970-01-12T13:46:45.000Z",
        "schemaVersion": "1.6",
        "runtimeSystem": {"name": "orchestra", "version": "0.9"},
        "workflow": {
            "specification": {
                "tasks": [
                    {
                        "name": "a",
                        "id": "a",
                        "parents": [],
                        "children": ["b"],
                        "inputFiles": [],
                        "outputFiles": [],
                    },
                    {
                        "name": "b",
                        "id": "b",
                        "parents": ["a"],
                        "children": ["c"],
                        "inputFiles": [],
                        "outputFiles": [],
                    },
                    {
                        "name": "c",
                        "id": "c",
                        "parents": ["b"],
                        "children": [],
                        "inputFiles": [],
                        "outputFiles": [],
                    },
                ],
                "files": [],
            },
            "execution": {
                "makespanInSeconds": 5.0,
                "executedAt": "1970-01-12T13:46:40.000Z",
                "tasks": [
                    {
                        "id": "a",
                        "runtimeInSeconds": 2.0,
                        "executedAt": "1970-01-12T13:46:41.000Z",
                        "coreCount": 1,
                        "avgCPU": 5.0,
                        "memoryInBytes": 1024,
                        "machines": ["box.local"],
                    },
                    {"id": "b", "runtimeInSeconds": 0},
                    {"id": "c", "runtimeInSeconds": 0},
                ],
                "machines": [{"nodeName": "box.local"}],
            },
        },
    }


@pytest.mark.parametrize(("cut_off", "state"), [(False, "running"), (True, "cut off")])
def test_of_a_run_that_has_not_ended_there_is_what_has(cut_off: bool, state: str) -> None:
    story = begun(entry("a"), entry("b", "a"), entry("c", "a"), entry("a-b"), entry("a_b"))
    story.start(1, "a").end(3, "a", "succeeded").start(3, "b").start(4, "c").start(4, "a_b")
    story.end(5, "c", "failed").end(6, "a_b", "succeeded")
    data = instance_data(story.record(), cut_off)
    assert faults(data) == []
    assert data["description"] == (
        "Run r1 of orchestra, %s: the 3 of its 5 steps that have ended" % state
    )
    tasks = data["workflow"]["specification"]["tasks"]
    assert [(task["id"], task["children"]) for task in tasks] == [
        ("a", ["c"]),
        ("c", []),
        ("a_b", []),
    ]
    assert [run["id"] for run in data["workflow"]["execution"]["tasks"]] == ["a", "c", "a_b"]


def test_a_run_of_which_nothing_has_ended_is_none() -> None:
    with pytest.raises(UsageError, match="no step of run r1 has ended"):
        instance_data(begun(entry("a")).start(1, "a").record())


def test_instances_wait_for_what_their_step_needs_and_it_waits_for_them() -> None:
    story = begun(entry("list"), entry("work", "list"), entry("join", "work"))
    story.tell(
        1,
        StepsAdded(
            (
                entry("work[py=3.9]", owner="work", role="instance"),
                entry("work[py=3.13]", owner="work", role="instance"),
            )
        ),
    )
    assert graph(story) == {
        "list": [],
        "work": ["work_py_3_9_", "work_py_3_13_"],
        "work_py_3_9_": ["list"],
        "work_py_3_13_": ["list"],
        "join": ["work"],
    }


def test_steps_in_a_step_wait_for_each_other_and_the_first_for_what_is_needed_outside() -> None:
    story = begun(entry("get"), entry("deploy", "get"))
    inner = (
        entry("deploy/up", owner="deploy", role="inner"),
        entry("deploy/check", "deploy/up", owner="deploy", role="inner"),
    )
    assert graph(story.tell(1, StepsAdded(inner))) == {
        "get": [],
        "deploy": ["deploy_up", "deploy_check"],
        "deploy_up": ["get"],
        "deploy_check": ["deploy_up"],
    }


def test_handlers_are_no_tasks() -> None:
    story = begun(entry("a")).start(1, "a").end(2, "a", "failed")
    assert graph(story.part(3, "a", "on_failure", "succeeded")) == {"a": []}


def test_the_last_attempt_counts() -> None:
    story = begun(entry("a")).start(1, "a").end_attempt(4, "a", "no").start(5, "a", 2)
    story.end_attempt(10, "a", "no", 2).tell(10, StepEnded("a", "failed", "no", {}))
    [run] = instance_data(story.record())["workflow"]["execution"]["tasks"]
    assert run["runtimeInSeconds"] == 5.0
