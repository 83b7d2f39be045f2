"""A trace as a workflow: what it says, and that any trace becomes one that loads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.errors import UsageError
from orchestra.formats.sleeping import render_sleeping
from orchestra.formats.trace import Task, Trace
from orchestra.spec.load import load


def loaded(trace: Trace, scale: float = 1.0):
    """The workflow that is made of the trace."""
    found = load("/nowhere/trace.yaml", render_sleeping(trace, scale).encode())
    assert found.faults == ()
    return found.workflow


def test_the_whole_text() -> None:
    tasks = (
        Task("a", "split", (), 1.5),
        Task("b.1", "b.1", (0,), 2.0, 2.5, 1000),
        Task("true", "true", (0, 1), 0.0, 1.0),
    )
    trace = Trace("blast", "WfFormat 1.6", tasks, 20.0, 4.0, 500)
    assert (
        render_sleeping(trace, 0.01)
        == """\
version: 1
name: "blast"
description: "WfFormat 1.6, 3 tasks, took 20.0s; scale 0.01"
budget: {cpu: 4, memory: 1000B}
steps:
  a:
    name: "split"
    command: [sleep, "0.015"]
    duration: 0.015s
  b_1:
    name: "b.1"
    needs: [a]
    command: [sleep, "0.02"]
    duration: 0.02s
    resources: {cpu: 2.5, memory: 1000B}
  "true":
    needs: [a, b_1]
    command: [sleep, "0"]
    duration: 0s
"""
    )


def test_what_the_machines_had_is_no_less_than_what_a_task_asks_for() -> None:
    trace = Trace("t", "f", (Task("a", "a", (), 1.0, 8.0, 100),), None, 2.0, None)
    assert "budget: {cpu: 8}\n" in render_sleeping(trace, 1.0)


def test_names_are_kept_whatever_they_hold() -> None:
    names = [
        "${{ secrets.x }}",
        "$${{ a }} ${{",
        "\x1b[2J\u202e\u2028",
        'a"b\\c',
        "\n",
        "🍊 é",
        "~",
    ]
    tasks = tuple(Task("t", name, (), 1.0) for name in names)
    steps = loaded(Trace("${{ x }}", "f", tasks)).step_by_id.values()
    assert [_plain(step.name) for step in steps] == names


def test_what_no_workflow_may_hold_is_lost() -> None:
    [step] = loaded(Trace("\0", "f", (Task("t", "\0\ud83d", (), 1.0),))).step_by_id.values()
    assert step.name == "\ufffd\ufffd"


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (Task("a", "a", (), 1e300), "`a` takes 1000"),
        (Task("a", "a", (), 1.0, 1e12), "`a` takes cores: 1000000000000, which is more than"),
        (Task("a", "a", (), 1.0, None, 2**70), "`a` takes memory: 1180591620717411303424B, which"),
    ],
)
def test_what_no_step_can_take_is_refused(task: Task, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        render_sleeping(Trace("t", "f", (task,)), 1.0)
    assert str(caught.value).startswith(message)


def test_a_smaller_scale_makes_a_long_task_one_that_can_be() -> None:
    trace = Trace("t", "f", (Task("a", "a", (), 1e12),))
    assert loaded(trace, 1e-6).step_by_id["a"].duration_s == 1e6


def test_more_tasks_than_a_workflow_may_have_steps_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        render_sleeping(Trace("t", "f", (Task("a", "a", (), 1.0),) * 100_001), 1.0)
    assert str(caught.value) == (
        "the trace has 100001 tasks, and a workflow has at most 100000 steps"
    )


def test_more_text_than_a_workflow_may_have_is_refused() -> None:
    tasks = (Task("a", "x" * 17 * 2**20, (), 1.0),)
    with pytest.raises(UsageError) as caught:
        render_sleeping(Trace("t", "f", tasks), 1.0)
    assert str(caught.value) == "the workflow would be larger than the 16 MiB that one may have"


TEXTS = st.text(max_size=12) | st.sampled_from(["null", "<<", "true", "${{", "$${{", "a: b"])
AMOUNTS = st.floats(0, 1e5)
CORES = st.none() | AMOUNTS
BYTES = st.none() | st.integers(1, 2**50)
TASKS = st.lists(
    st.builds(Task, TEXTS, TEXTS, st.just(()), AMOUNTS, CORES, BYTES), min_size=1, max_size=5
)
TRACES = st.builds(Trace, TEXTS, TEXTS, TASKS, st.none() | AMOUNTS, CORES, BYTES)


@given(TRACES, st.floats(0, 100))
def test_any_trace_becomes_a_workflow_that_loads(trace: Trace, scale: float) -> None:
    steps = list(loaded(trace, scale).step_by_id.values())
    assert [step.duration_s for step in steps] == [
        pytest.approx(task.runtime_s * scale, abs=1e-6) for task in trace.tasks
    ]


def _plain(text: object) -> str:
    """A text in which nothing is an expression."""
    return text if isinstance(text, str) else "".join(text.parts)
