"""WfFormat files become traces, or all that is wrong with them is told, each at its place."""

from __future__ import annotations

import json
import os
from typing import Any, List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.errors import Fault, UsageError, WorkflowError
from orchestra.formats.json_file import MAX_BYTES
from orchestra.formats.trace import Task, Trace
from orchestra.formats.wfformat import read_wfformat
from tests.formats.traces import (
    SHAPES,
    as_json,
    chain,
    edges_of,
    flat_instance,
    fork_join,
    split_instance,
)


def read(folder: Any, data: Any) -> Trace:
    """The trace in a file that holds this: bytes, a text, or data for JSON."""
    path = folder / "trace.json"
    text = data if isinstance(data, (str, bytes)) else as_json(data)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_wfformat(str(path))


def faults(folder: Any, data: Any) -> List[Fault]:
    """What is wrong with the file."""
    with pytest.raises(WorkflowError) as caught:
        read(folder, data)
    return list(caught.value.faults)


def told(folder: Any, data: Any) -> List[Tuple[str, str]]:
    """The messages and hints."""
    return [(fault.message, fault.suggestion) for fault in faults(folder, data)]


def edges(trace: Trace) -> set:
    """Parent and child by their ids."""
    tasks = trace.tasks
    return {(tasks[place].id, task.id) for task in tasks for place in task.needs}


@pytest.mark.parametrize("version", ["1.5", "1.6"])
@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_the_graph_is_that_of_the_file(tmp_path, shape, version):
    trace = read(tmp_path, split_instance(SHAPES[shape], version))
    assert [task.id for task in trace.tasks] == [made.id for made in SHAPES[shape]]
    assert edges(trace) == edges_of(SHAPES[shape])
    assert trace.format == "WfFormat " + version


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_in_1_4_tasks_name_each_other_by_name(tmp_path, shape):
    trace = read(tmp_path, flat_instance(SHAPES[shape]))
    full = {made.id: "%s_%s" % (made.name, made.id) for made in SHAPES[shape]}
    assert edges(trace) == {(full[up], full[down]) for up, down in edges_of(SHAPES[shape])}
    assert trace.format == "WfFormat 1.4"


RUNS = ("workflow", "execution", "tasks")


def test_what_is_measured_is_kept(tmp_path):
    machines = [
        {"nodeName": "n1", "cpu": {"coreCount": 4}, "memoryInBytes": 8000},
        {"nodeName": "n2", "cpu": {"coreCount": 2}, "memoryInBytes": 4000},
    ]
    trace = read(tmp_path, split_instance(fork_join(1), machines=machines))
    assert trace == Trace(
        "made-up",
        "WfFormat 1.5",
        (
            Task("split", "split", (), 1.0, 1.0, None, (*RUNS, 0)),
            Task("work_0", "work", (0,), 4.0, 2.0, 2**20, (*RUNS, 1)),
            Task("join", "join", (1,), 2.5, 1.0, None, (*RUNS, 2)),
        ),
        100.5,
        6.0,
        12000,
    )


def test_what_one_machine_does_not_tell_is_not_known_of_all(tmp_path):
    machines = [{"nodeName": "n1", "cpu": {"coreCount": 4}}, {"nodeName": "n2", "cpu": {}}]
    trace = read(tmp_path, split_instance(chain(), machines=machines))
    assert (trace.cores, trace.memory_bytes) == (None, None)


def test_older_names_and_kilobytes_of_1_4_are_understood(tmp_path):
    machine = {"nodeName": "n", "memory": 4, "cpu": {"count": 8}}
    task = {"name": "a", "type": "compute", "runtime": 3, "cores": 2, "memory": 1.0005}
    data = {"name": "t", "schemaVersion": 1.4, "workflow": {"jobs": [task], "machines": [machine]}}
    trace = read(tmp_path, data)
    made = Task("a", "a", (), 3.0, 2.0, 1001, ("workflow", "jobs", 0))
    assert trace == Trace("t", "WfFormat 1.4", (made,), None, 8.0, 4000)


def test_in_1_4_tasks_without_parents_wait_for_who_wrote_what_they_read(tmp_path):
    def task(name, *files, **more):
        links = [{"name": n, "sizeInBytes": 1, "link": link} for link, n in files]
        return {"name": name, "runtimeInSeconds": 1, "files": links, **more}

    tasks = [
        task("split", ("input", "all"), ("output", "one"), ("output", "two"), ("input", "two")),
        task("left", ("input", "one"), ("input", "two"), ("output", "sum")),
        task("right", ("input", "sum"), parents=["split"]),
    ]
    trace = read(tmp_path, {"schemaVersion": "1.4", "workflow": {"tasks": tasks}})
    assert edges(trace) == {("split", "left"), ("split", "right")}


def test_children_count_where_parents_are_missing(tmp_path):
    data = split_instance(fork_join())
    for task in data["workflow"]["specification"]["tasks"]:
        del task["parents"]
    assert edges(read(tmp_path, data)) == edges_of(fork_join())


def test_an_edge_that_is_told_twice_is_one(tmp_path):
    data = split_instance(chain(2))
    data["workflow"]["specification"]["tasks"][1]["parents"] = ["c0", "c0", ""]
    assert read(tmp_path, data).tasks[1].needs == (0,)


def test_names_may_be_repeated_odd_and_long(tmp_path):
    data = split_instance(chain(3))
    names = ["same", "same", "\u202e\n${{ x }}" + "y" * 500]
    tasks = data["workflow"]["specification"]["tasks"]
    tasks[0]["name"], tasks[1]["name"], tasks[2]["name"] = names
    assert [task.name for task in read(tmp_path, data).tasks] == names


def test_a_byte_order_mark_is_passed_over(tmp_path):
    data = b"\xef\xbb\xbf" + as_json(split_instance(chain())).encode()
    assert len(read(tmp_path, data).tasks) == 4


MIGRATE = "1.4, 1.5, 1.6 are; WfCommons' wfcommons-migrate-instance.py makes 1.6 of older ones"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ([], [("this is no WfFormat: `schemaVersion` is missing", "is it the right file?")]),
        ({"a": 1}, [("this is no WfFormat: `schemaVersion` is missing", "is it the right file?")]),
        ({"schemaVersion": "1.3"}, [("WfFormat `1.3` is not known here", MIGRATE)]),
        ({"schemaVersion": [1]}, [("WfFormat a list is not known here", MIGRATE)]),
        ({"schemaVersion": "1.4"}, [("`workflow` is missing", "")]),
        ({"schemaVersion": "1.4", "workflow": 3}, [("`workflow` must be a mapping, not `3`", "")]),
        ({"schemaVersion": "1.4", "workflow": {}}, [("this workflow has no tasks", "")]),
        (
            {"schemaVersion": "1.5", "workflow": {"specification": {}}},
            [("`workflow.execution` is missing", "")],
        ),
        (
            {"schemaVersion": "1.5", "workflow": {"execution": {"tasks": [{"id": "a"}]}}},
            [("`workflow.specification` is missing", "")],
        ),
        (
            {
                "schemaVersion": "1.6",
                "workflow": {"specification": {"tasks": [{"id": "a"}]}, "execution": {}},
            },
            [("nothing tells how long `a` took", "add it to `workflow.execution.tasks`")],
        ),
        (
            {"schemaVersion": "1.4", "workflow": {"tasks": [{"id": "a"}, 7]}},
            [
                ("this task has no `name`", ""),
                ("each of `tasks` must be a mapping, not `7`", ""),
            ],
        ),
    ],
)
def test_what_is_no_instance_is_told_as_such(tmp_path, data, expected):
    assert told(tmp_path, data) == expected


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("runtimeInSeconds", -3, "`runtimeInSeconds` must be a number from 0 up, not `-3`"),
        (
            "runtimeInSeconds",
            "4",
            "`runtimeInSeconds` must be a number from 0 up, not the text `4`",
        ),
        ("runtimeInSeconds", True, "`runtimeInSeconds` must be a number from 0 up, not `true`"),
        (
            "runtimeInSeconds",
            float("nan"),
            "`runtimeInSeconds` must be a number from 0 up, not `nan`",
        ),
        (
            "runtimeInSeconds",
            float("inf"),
            "`runtimeInSeconds` must be a number from 0 up, not `inf`",
        ),
        ("runtimeInSeconds", None, "nothing tells how long `c1` took"),
        ("coreCount", -1, "`coreCount` must be a number from 0 up, not `-1`"),
        ("memoryInBytes", [], "`memoryInBytes` must be a number from 0 up, not an empty list"),
    ],
)
def test_what_was_measured_must_make_sense(tmp_path, key, value, message):
    data = split_instance(chain())
    data["workflow"]["execution"]["tasks"][1][key] = value
    assert [fault.message for fault in faults(tmp_path, data)] == [message]


@pytest.mark.parametrize("digits", [310, 1_000_000])
def test_numbers_without_end_are_refused_at_once(tmp_path, digits):
    text = as_json(split_instance(chain())).replace("100.5", "9" * digits)
    [fault] = faults(tmp_path, text)
    assert fault.message == "`makespanInSeconds` must be a number from 0 up, not `inf`"


def test_a_fault_stands_at_its_place(tmp_path):
    data = split_instance(fork_join(1))
    data["workflow"]["specification"]["tasks"][1]["parents"] = ["split", "splti"]
    text = json.dumps(data, indent=1)
    [fault] = faults(tmp_path, text)
    line = text.splitlines()[fault.line - 1]
    assert (fault.message, fault.suggestion, line[fault.column - 1 :]) == (
        "`splti` of `parents` is no task",
        "did you mean `split`?",
        '"splti"',
    )
    assert fault.path == ("workflow", "specification", "tasks", 1, "parents", 1)


def test_tasks_that_are_missing_on_either_side_are_told(tmp_path):
    data = split_instance(fork_join(1))
    data["workflow"]["execution"]["tasks"][0]["id"] = "splat"
    assert told(tmp_path, data) == [
        ("nothing tells how long `split` took", "add it to `workflow.execution.tasks`"),
        (
            "`splat` was run, and is no task of `workflow.specification`",
            "did you mean `split`?",
        ),
    ]


def test_ids_that_are_given_twice_are_told(tmp_path):
    data = split_instance([*chain(1), *chain(1)])
    assert [fault.message for fault in faults(tmp_path, data)] == [
        "the id `c0` is given to two tasks"
    ] * 2


@pytest.mark.parametrize(
    ("id", "message"),
    [
        ("", "`id` must be text, not empty text"),
        (7, "`id` must be text, not `7`"),
        (None, "this task has no `id`"),
    ],
)
def test_an_id_that_is_none_is_told_once(tmp_path, id, message):
    data = split_instance(chain(2))
    data["workflow"]["specification"]["tasks"].append({"id": id, "name": "a"})
    assert [fault.message for fault in faults(tmp_path, data)] == [message]


def test_in_1_4_a_name_that_is_none_is_told_once(tmp_path):
    data = flat_instance(chain(1))
    data["workflow"]["tasks"].append({"name": ""})
    assert told(tmp_path, data) == [("`name` must be text, not empty text", "")]


def test_in_1_4_a_parent_whose_name_is_that_of_two_is_unclear(tmp_path):
    data = flat_instance(fork_join(2))
    for task in data["workflow"]["tasks"][1:3]:
        task["name"] = "work"
    data["workflow"]["tasks"][3]["parents"] = ["work", "work_1"]
    assert told(tmp_path, data) == [
        ("`work` is the name of 2 tasks", "name the one that is meant by its `id`")
    ]


def test_in_1_4_tasks_of_one_name_are_told_apart_by_their_ids(tmp_path):
    data = flat_instance(fork_join(2))
    for task in data["workflow"]["tasks"]:
        task["name"] = "same"
        task["parents"] = [name.partition("_")[2] for name in task["parents"]]
    trace = read(tmp_path, data)
    assert edges(trace) == {
        ("same_%s" % up, "same_%s" % down) for up, down in edges_of(fork_join(2))
    }


def test_tasks_that_wait_for_each_other_are_refused(tmp_path):
    data = split_instance(chain(20))
    data["workflow"]["specification"]["tasks"][0]["parents"] = ["c19"]
    [fault] = faults(tmp_path, data)
    assert fault.message.startswith("these tasks wait for each other: c")
    assert fault.message.endswith(" and 12 more")


def test_a_task_that_waits_for_itself_is_refused(tmp_path):
    data = split_instance(chain(1))
    data["workflow"]["specification"]["tasks"][0]["children"] = ["c0"]
    assert told(tmp_path, data) == [
        ("these tasks wait for each other: c0", "a trace is a graph without cycles")
    ]


def test_no_more_faults_are_told_than_are_of_use(tmp_path):
    data = split_instance(chain(100))
    for run in data["workflow"]["execution"]["tasks"]:
        run["runtimeInSeconds"] = -1
    found = faults(tmp_path, data)
    assert (len(found), found[-1].message) == (21, "and 80 more")


@pytest.mark.parametrize(
    ("data", "place", "message"),
    [
        (b"", (1, 1), "this is no JSON: Expecting value"),
        (b'{"a": 1,\n  b: 2}', (2, 3), "this is no JSON: "),
        (b'{"a": "\xff"}', (1, 8), "the byte 0xff is no UTF-8"),
        (b"PK\x03\x04", (1, 1), "this is no JSON: Expecting value"),
        (b"[" * 200_000, (1, 1), "the values are nested too deep"),
        (b'{"a":' * 200_000, (1, 1), "the values are nested too deep"),
    ],
    ids=["empty", "a-key", "bytes", "a-zip", "lists", "mappings"],
)
def test_what_is_no_json_is_told_as_such(tmp_path, data, place, message):
    [fault] = faults(tmp_path, data)
    assert ((fault.line, fault.column), fault.message[: len(message)]) == (place, message)


def test_a_file_that_is_too_large_is_refused(tmp_path):
    path = tmp_path / "huge.json"
    path.touch()
    os.truncate(path, MAX_BYTES + 1)
    with pytest.raises(UsageError) as caught:
        read_wfformat(str(path))
    assert str(caught.value) == "%s is larger than 128 MiB" % path


KEYS = st.sampled_from(
    ["name", "id", "parents", "children", "link", "tasks", "cpu", "coreCount", "memoryInBytes"]
)
SCALARS = st.sampled_from([None, True, -1, 0, 2, 1.5, "", "a", "b", "input"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)
TASKS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from("abc"), "id": st.sampled_from("abc"), "runtimeInSeconds": VALUES},
        optional={
            "parents": st.lists(st.sampled_from("abc")) | VALUES,
            "children": st.lists(st.sampled_from("abc")) | VALUES,
            "files": VALUES,
            "cores": VALUES,
        },
    )
    | VALUES,
    max_size=4,
)
PARTS = st.fixed_dictionaries({"tasks": TASKS}, optional={"machines": VALUES}) | VALUES
WORKFLOWS = st.fixed_dictionaries(
    {"tasks": TASKS, "specification": PARTS, "execution": PARTS}, optional={"machines": VALUES}
)


def tasks_or_faults(folder, data):
    """What comes of it."""
    try:
        return read(folder, data).tasks
    except WorkflowError as error:
        return error.faults


@given(st.sampled_from(["1.4", "1.5", "1.6"]), WORKFLOWS | VALUES)
def test_any_data_has_tasks_or_faults(tmp_path_factory, version, workflow):
    data = {"schemaVersion": version, "workflow": workflow}
    assert len(tasks_or_faults(tmp_path_factory.getbasetemp(), data)) > 0
