"""The metrics of a run: what Prometheus' own parser makes of the text."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

from prometheus_client.parser import text_string_to_metric_families

from orchestra.model.events import AttemptEnded, StepEnded
from orchestra.model.run import RunState, StepState
from orchestra.reports.prometheus_report import CUT_OFF, render_prometheus
from tests.golden import recorded
from tests.subscribers.stories import Story

Key = Tuple[str, Tuple[Tuple[str, str], ...]]


def samples(text: str) -> List[Tuple[Key, float]]:
    """Name, labels and value of each sample, as they stand in the text."""
    return [
        ((sample.name, tuple(sorted(sample.labels.items()))), sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def value(text: str, name: str, **labels: str) -> Any:
    """The value of one sample, None where there is none."""
    return dict(samples(text)).get((name, tuple(sorted(labels.items()))))


def test_every_metric_says_what_it_is_and_stands_in_one_block() -> None:
    families = list(text_string_to_metric_families(render_prometheus(recorded.record())))
    assert len({family.name for family in families}) == len(families) == 12
    assert {family.type for family in families} == {"gauge"}
    assert all(family.documentation and family.samples for family in families)


def test_the_numbers_are_those_of_the_record() -> None:
    record = recorded.record()
    found = dict(samples(render_prometheus(record)))
    wanted: Dict[str, Any] = {step.id: step for step in record.step_by_id.values()}
    got = {
        dict(labels)["step"]: number
        for (name, labels), number in found.items()
        if name == "orchestra_step_attempts"
    }
    assert got == {name: len(step.attempts) for name, step in wanted.items()}
    workflow = ("workflow", record.workflow)
    assert found["orchestra_run_start_time_seconds", (workflow,)] == record.started_at
    counts = {
        dict(labels)["state"]: number
        for (name, labels), number in found.items()
        if name == "orchestra_run_steps"
    }
    local = set(StepState) - {StepState.QUEUED}
    assert counts == {state.value: record.counts[state] for state in local}


def test_a_step_tells_its_state_duration_attempts_cpu_and_memory() -> None:
    story = Story().begin(["a"]).start(1, "a").end_attempt(2, "a", "exit code 2")
    again = AttemptEnded("a", 2, "succeeded", 0, None, "", 0.25, 2048, None, 0)
    story.start(3, "a", 2).tell(5.5, again, StepEnded("a", "succeeded", "", {}))
    text = render_prometheus(story.finish(6, "succeeded", 0).record())
    step = {"workflow": "wf", "step": "a"}
    assert value(text, "orchestra_step_state", state="succeeded", **step) == 1
    assert value(text, "orchestra_step_duration_seconds", **step) == 4.5
    assert value(text, "orchestra_step_attempts", **step) == 2
    assert value(text, "orchestra_step_cpu_seconds", **step) == 0.35
    assert value(text, "orchestra_step_max_memory_bytes", **step) == 2048
    assert value(text, "orchestra_run_duration_seconds", workflow="wf") == 6
    assert value(text, "orchestra_run_exit_code", workflow="wf") == 0


def states(text: str) -> Dict[str, float]:
    """The value of each state of the run."""
    return {
        dict(labels)["state"]: number
        for (name, labels), number in samples(text)
        if name == "orchestra_run_state"
    }


def test_a_run_is_in_one_state() -> None:
    story = Story().begin(["a"]).start(1, "a")
    idle = dict.fromkeys([*(state.value for state in RunState), CUT_OFF], 0.0)
    assert states(render_prometheus(story.record())) == {**idle, "running": 1}
    assert states(render_prometheus(story.record(), cut_off=True)) == {**idle, CUT_OFF: 1}
    story.end(2, "a", "failed", "exit code 2").finish(2, "failed", 1)
    assert states(render_prometheus(story.record())) == {**idle, "failed": 1}


def test_what_is_not_known_has_no_sample() -> None:
    text = render_prometheus(Story().begin(["a"]).start(1, "a").record())
    names = {name for (name, _), _ in samples(text)}
    assert "orchestra_run_duration_seconds" not in names
    assert "orchestra_run_exit_code" not in names
    assert "orchestra_step_cpu_seconds" not in names


HOSTILE = [
    'say "hi"',
    "back\\slash",
    "a\nb",
    "a\\nb",  # spelled out, the one before looks the same
    "a\\nb #2",
    "\x1b[2Jgone\r\x00",
    'x"} 1\norchestra_run_exit_code{workflow="wf"} 9',
    "\ud800 alone",
    "ünï ☃ 表",
    "l" * 200_000,
    "l" * 200_000 + "!",
]


def test_hostile_names_are_labels_and_nothing_else() -> None:
    story = Story().begin(HOSTILE, workflow='w"\n\\{}')
    text = render_prometheus(story.record())
    text.encode("utf-8")
    assert not set(text) & set(map(chr, [*range(10), *range(11, 32), 127]))
    found = samples(text)
    assert len({key for key, _ in found}) == len(found)
    steps = [dict(key[1])["step"] for key, _ in found if key[0] == "orchestra_step_attempts"]
    assert len(steps) == len(HOSTILE)
    assert steps[0] == 'say "hi"'
    assert steps[1] == "back\\slash"
    assert max(map(len, steps)) < 250
    assert {dict(key[1])["workflow"] for key, _ in found} == {'w"\\n\\{}'}


def test_many_steps_with_names_that_look_alike_are_told_apart() -> None:
    names = ["%s%d" % ("l" * 300, number) for number in range(10_000)]
    found = samples(render_prometheus(Story().begin(names).record()))
    steps = {dict(key[1])["step"] for key, _ in found if key[0] == "orchestra_step_attempts"}
    assert len(steps) == 10_000
