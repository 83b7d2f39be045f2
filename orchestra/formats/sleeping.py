"""A trace as a workflow file whose steps sleep for as long as its tasks took. Pure."""

from __future__ import annotations

import re
from typing import Callable, Iterator, List, Optional, Sequence

from orchestra.errors import Fault, PathParts, Problem, UsageError
from orchestra.formats.trace import Task, Trace
from orchestra.model.step_ids import step_ids
from orchestra.model.units import format_duration, parse_cpu, parse_duration, parse_size
from orchestra.spec.files import MAX_BYTES
from orchestra.spec.scalars import WORDS
from orchestra.spec.wording import shortened

MOST_STEPS = 100_000
"""How many steps a workflow may have."""

_OPEN = "${{"
_LOST = re.compile("[\0\ud800-\udfff]")
_SPECIAL = re.compile('["\\\\\0-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]')


def render_sleeping(trace: Trace, scale: float) -> str:
    """The workflow in YAML: a step for each task, in their order, `scale` times as long.

    Ids are made of those of the tasks, whose names are kept where they are others. What all
    machines of the trace had is the budget, or what the most demanding task asks for.

    Raises:
        UsageError: it would hold more than a workflow may.
    """
    if len(trace.tasks) > MOST_STEPS:
        message = "the trace has %d tasks, and a workflow has at most %d steps"
        raise UsageError(message % (len(trace.tasks), MOST_STEPS))
    ids = step_ids([task.id for task in trace.tasks])
    lines = ["version: 1", "name: " + _text(_without_expressions(trace.name))]
    lines.append("description: " + _text(_description(trace, scale)))
    budget = _amounts(
        "the machines of the trace have",
        _whole(trace.cores, [task.cores for task in trace.tasks]),
        _whole(trace.memory_bytes, [task.memory_bytes for task in trace.tasks]),
    )
    if budget:
        lines.append("budget: " + budget)
    lines.append("steps:")
    for id, task in zip(ids, trace.tasks):
        lines += _step(id, task, [ids[place] for place in task.needs], scale)
    text = "\n".join(lines) + "\n"
    if len(text.encode()) > MAX_BYTES:
        message = "the workflow would be larger than the %d MiB that one may have"
        raise UsageError(message % (MAX_BYTES // 2**20), "take a smaller trace")
    return text


def problems_in_trace(trace: Trace, faults: Sequence[Fault]) -> List[Problem]:
    """What is wrong with the steps of the workflow, as problems of the tasks they were made of.

    The path of each begins with its task's; the name of the resource stands behind that.
    """
    ids = step_ids([task.id for task in trace.tasks])
    task_by_step = dict(zip(ids, trace.tasks))
    problems = []
    for fault in faults:
        path: PathParts = ()
        if fault.path[:1] == ("steps",) and len(fault.path) > 1:
            _, step, *inside = fault.path
            path = (*task_by_step[str(step)].path, *inside[1:])  # without `resources`
        problems.append(Problem(path, fault.code, fault.message, fault.suggestion))
    return problems


def _step(id: str, task: Task, needs: Sequence[str], scale: float) -> Iterator[str]:
    """The lines of one step.

    Raises:
        UsageError: it takes more than a step may.
    """
    who = "`%s` takes" % id
    seconds = _number(task.runtime_s * scale, 6)
    _check(parse_duration, seconds + "s", who, "a smaller --scale makes it shorter")
    yield "  %s:" % _word(id)
    if task.name != id:
        yield "    name: " + _text(task.name.replace(_OPEN, "$" + _OPEN))
    if needs:
        yield "    needs: [%s]" % ", ".join(map(_word, needs))
    yield '    command: [sleep, "%s"]' % seconds
    yield "    duration: %ss" % seconds
    # a step takes one core unless it says otherwise
    resources = _amounts(who, None if task.cores == 1 else task.cores, task.memory_bytes)
    if resources:
        yield "    resources: " + resources


def _whole(had: Optional[float], asked: Sequence[Optional[float]]) -> Optional[float]:
    """What the budget is to hold, None where the machine that runs it decides."""
    return None if had is None else max(had, *(amount or 0 for amount in asked))


def _amounts(who: str, cores: Optional[float], memory_bytes: Optional[float]) -> str:
    """Amounts of resources, nothing where neither is known.

    Raises:
        UsageError: a workflow can hold no such amount.
    """
    parts = []
    if cores is not None:
        words = _number(cores, 3)
        _check(parse_cpu, words, who + " cores:")
        parts.append("cpu: " + words)
    if memory_bytes is not None:
        words = "%dB" % memory_bytes
        _check(parse_size, words, who + " memory:")
        parts.append("memory: " + words)
    return "{%s}" % ", ".join(parts) if parts else ""


def _check(parse: Callable[[str], object], words: str, who: str, hint: str = "") -> None:
    try:
        parse(words)
    except ValueError:
        message = "%s %s, which is more than a workflow can hold" % (who, shortened(words))
        raise UsageError(message, hint) from None


def _description(trace: Trace, scale: float) -> str:
    words = "%s, %d tasks" % (trace.format, len(trace.tasks))
    if trace.makespan_s is not None:
        words += ", took " + format_duration(trace.makespan_s)
    return words + "; scale %s" % _number(scale, 9)


def _number(amount: float, decimals: int) -> str:
    """In digits alone, without zeros at its end."""
    text = "%.*f" % (decimals, amount)
    return text.rstrip("0").rstrip(".")


def _word(id: str) -> str:
    """An id as YAML that is read as text."""
    return '"%s"' % id if id in WORDS else id


def _text(text: str) -> str:
    """Any text in quotes; what no workflow may hold is lost."""
    return '"%s"' % _SPECIAL.sub(_escaped, _LOST.sub("\ufffd", text))


def _escaped(match: re.Match[str]) -> str:
    character = match.group()
    return "\\" + character if character in '"\\' else "\\u%04x" % ord(character)


def _without_expressions(text: str) -> str:
    return text.replace(_OPEN, "$ {{")
