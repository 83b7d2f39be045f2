"""A run as metrics in Prometheus' text format, for the node exporter's textfile collector. Pure.

Source: "Exposition formats" of the Prometheus documentation, text format 0.0.4.
"""

from __future__ import annotations

from typing import Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Tuple, Union

from orchestra.model.record import RunRecord, StepRecord
from orchestra.model.run import RunState, StepState
from orchestra.model.screen_text import safe_line
from orchestra.model.whereabouts import is_elsewhere, queue_s

CUT_OFF = "cut_off"
"""The state of a run that has not ended, and that nobody drives any more."""

_LONGEST_LABEL = 200

Number = Union[int, float]


class Sample(NamedTuple):
    """One value of a metric, by its labels."""

    labels: Mapping[str, str]
    value: Optional[Number]


def render_prometheus(record: RunRecord, cut_off: bool = False) -> str:
    """The metrics of the run as text; what is not known has no sample.

    Every sample has the label `workflow`, so that a file for each of several workflows can stand
    in one folder; those of a step have `step` too. All are gauges: they tell of one run.
    """
    lines: List[str] = []
    for name, about, samples in [*_of_run(record, cut_off), *_of_steps(record)]:
        lines += _family("orchestra_" + name, about, samples)
    return "".join(lines)


Family = Tuple[str, str, Iterable[Sample]]
"""A metric's name without its prefix, what it is, its samples."""


def _of_run(record: RunRecord, cut_off: bool) -> Iterator[Family]:
    workflow = {"workflow": _label(record.workflow)}

    def alone(value: Optional[Number]) -> List[Sample]:
        return [Sample(workflow, value)]

    facts = {"run": _label(record.run_id), "version": _label(record.version)}
    state = CUT_OFF if cut_off else record.state.value
    states = [*(each.value for each in RunState), CUT_OFF]
    counts = [
        (each.value, count)
        for each, count in record.counts.items()
        if count or each is not StepState.QUEUED  # which is only where there are other machines
    ]
    yield "run_info", "The latest run of the workflow.", [Sample({**workflow, **facts}, 1)]
    yield (
        "run_state",
        "1 for the state that the run is in, 0 for the others.",
        [Sample({**workflow, "state": each}, int(each == state)) for each in states],
    )
    yield "run_exit_code", "The exit code of the run.", alone(record.exit_code)
    yield "run_start_time_seconds", "When the run began, since 1970.", alone(record.started_at)
    yield "run_end_time_seconds", "When the run ended, since 1970.", alone(record.ended_at)
    yield "run_duration_seconds", "How long the run took.", alone(record.elapsed_s)
    yield (
        "run_steps",
        "How many steps of the run are in each state, without handlers.",
        [Sample({**workflow, "state": each}, count) for each, count in counts],
    )


def _of_steps(record: RunRecord) -> Iterator[Family]:
    labelled = [(_labels(record, label), step) for label, step in _named(record)]
    yield (
        "step_state",
        "1 for the state that the step is in.",
        [Sample({**labels, "state": step.state.value}, 1) for labels, step in labelled],
    )
    yield (
        "step_attempts",
        "How many attempts the step has had.",
        [Sample(labels, len(step.attempts)) for labels, step in labelled],
    )
    yield (
        "step_duration_seconds",
        "From the start of the step's first attempt to the end of its last.",
        [Sample(labels, step.duration_s) for labels, step in labelled],
    )
    yield (
        "step_cpu_seconds",
        "Processor time of all attempts of the step.",
        [Sample(labels, step.cpu_s) for labels, step in labelled],
    )
    yield (
        "step_max_memory_bytes",
        "The most memory that an attempt of the step held.",
        [Sample(labels, step.max_rss_bytes) for labels, step in labelled],
    )
    elsewhere = [
        (labels, step.attempts[-1])
        for labels, step in labelled
        if step.attempts and is_elsewhere(step.attempts[-1])
    ]
    yield (
        "step_place_info",
        "Where the last attempt of the step ran, on another machine.",
        [
            Sample(
                {
                    **labels,
                    "executor": _label(last.executor),
                    "node": _label(last.node),
                    "job": _label(last.job),
                },
                1,
            )
            for labels, last in elsewhere
        ],
    )
    yield (
        "step_engine_queue_seconds",
        "How long the last attempt of the step waited in an engine's queue.",
        [Sample(labels, queue_s(last)) for labels, last in elsewhere],
    )


def _named(record: RunRecord) -> Iterator[Tuple[str, StepRecord]]:
    """Each step with a label that no other has: a collector refuses a file with a sample twice."""
    uses: Dict[str, int] = {}
    taken = set()
    for step in record.in_order():
        label = base = _label(step.id)
        while label in taken:
            uses[base] = uses.get(base, 1) + 1
            label = "%s #%d" % (base, uses[base])
        taken.add(label)
        yield label, step


def _labels(record: RunRecord, step: str) -> Dict[str, str]:
    return {"workflow": _label(record.workflow), "step": step}


def _label(text: str) -> str:
    """Text of anybody's as a label: no controls, since the file may be shown, and not too long."""
    spelled = safe_line(text)
    return spelled if len(spelled) <= _LONGEST_LABEL else spelled[: _LONGEST_LABEL - 1] + "…"


def _family(name: str, about: str, samples: Iterable[Sample]) -> List[str]:
    lines = [
        "%s %s\n" % (_series(name, labels), _number(value))
        for labels, value in samples
        if value is not None
    ]
    return ["# HELP %s %s\n" % (name, about), "# TYPE %s gauge\n" % name, *lines] if lines else []


def _series(name: str, labels: Mapping[str, str]) -> str:
    pairs = ['%s="%s"' % (key, _escaped(value)) for key, value in labels.items()]
    return "%s{%s}" % (name, ",".join(pairs))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: Number) -> str:
    return repr(value) if isinstance(value, int) else repr(round(value, 6))
