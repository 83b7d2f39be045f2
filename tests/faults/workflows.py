"""Workflows to be harmed: their text, and what they promise, from one description. Pure."""

from __future__ import annotations

import json
from typing import Dict, FrozenSet, List, NamedTuple, Sequence, Tuple

from tests.faults.oracle import Rules


class Task(NamedTuple):
    """A step that writes to the ledger.

    It fails `fails` times and then succeeds; with `fallback` it always fails. `instances` makes it
    a fan-out. `makes` is a file that it writes, and by which it is cached. With `python` it is a
    Python step, which a fork server may start.
    """

    id: str
    needs: Tuple[str, ...] = ()
    seconds: float = 0.1
    cpu: int = 1
    db: int = 0
    fails: int = 0
    instances: int = 0
    fallback: bool = False
    makes: str = ""
    handlers: Tuple[str, ...] = ()
    python: bool = False


def workflow_text(tasks: Sequence[Task], script: str, budget: Dict[str, int]) -> str:
    """The workflow as YAML; `script` is the absolute path of step.sh, step.py lies beside it."""
    steps = "".join("  %s: %s\n" % (task.id, json.dumps(_step(task, script))) for task in tasks)
    last = json.dumps({"command": ["sh", script, "0.01", "0", ""]})
    text = "version: 1\nname: harmed\nbudget: %s\nsteps:\n%sfinally: %s\non_success: %s\n"
    return text % (json.dumps(budget), steps, last, last)


def _step(task: Task, script: str) -> Dict[str, object]:
    always = 99 if task.fallback else task.fails
    args = [str(task.seconds), str(always), task.makes]
    step: Dict[str, object] = {
        "needs": list(task.needs),
        "resources": {"cpu": task.cpu, "db": task.db} if task.db else {"cpu": task.cpu},
    }
    if task.python:
        step["python"] = {"file": script[:-2] + "py", "args": args}
    else:
        step["command"] = ["sh", script, *args]
    quick = {"command": ["sh", script, "0.01", "0", ""]}
    if task.fails:
        step["retry"] = {"max": 9, "delay": "50ms"}
    if task.instances:
        step["matrix"] = {"n": list(range(task.instances))}
    if task.fallback:
        step["fallback"] = quick
    if task.makes:
        step["cache"] = {"outputs": [task.makes]}
    step.update((handler, quick) for handler in task.handlers)
    return step


def rules_of(tasks: Sequence[Task], budget: Dict[str, int]) -> Rules:
    """What the oracle holds a run of these tasks to."""
    by_id = {task.id: task for task in tasks}
    needs: Dict[str, List[FrozenSet[str]]] = {}
    for task in tasks:
        wanted = [name for need in task.needs for name in _names(by_id[need])]
        for name in _instances(task):
            needs[name] = wanted
    demands = {task.id: {"cpu": task.cpu, "db": task.db} for task in tasks}
    demands[""] = {"cpu": 1}  # the handlers of the run
    return Rules(needs, demands, budget)


def _instances(task: Task) -> List[str]:
    if not task.instances:
        return [task.id]
    return ["%s[n=%d]" % (task.id, number) for number in range(task.instances)]


def _names(task: Task) -> List[FrozenSet[str]]:
    """What has to end well for a task to be met: each of these, in one of its ways."""
    return [frozenset({name, name + ":fallback"}) for name in _instances(task)]


BUDGET = {"cpu": 4, "db": 2}


def forty_steps() -> List[Task]:
    """Four layers of ten: retries, fan-outs, a cache, handlers, Python steps, two resources."""
    tasks: List[Task] = []
    for layer in range(4):
        below = tuple("s%d%d" % (layer - 1, n) for n in (0, 3, 6, 9)) if layer else ()
        tasks += [
            Task("s%d0" % layer, below, 0.1, handlers=("on_success", "finally")),
            Task("s%d1" % layer, below[:1], 0.05, fails=1, python=True),
            Task("s%d2" % layer, below[1:3], 0.15, cpu=2),
            Task("s%d3" % layer, below, 0.05, db=1),
            Task("s%d4" % layer, ("s%d1" % layer,), 0.1, fallback=True),
            Task("s%d5" % layer, below[:2], 0.05, instances=4, python=True),
            Task("s%d6" % layer, ("s%d5" % layer,), 0.1, makes="made-%d" % layer),
            Task("s%d7" % layer, ("s%d4" % layer, "s%d6" % layer), 0.05, db=2),
            Task("s%d8" % layer, below[:1], 0.05, fails=2, handlers=("on_success",)),
            Task("s%d9" % layer, ("s%d0" % layer, "s%d8" % layer), 0.1, python=True),
        ]
    return tasks


def slow_steps() -> List[Task]:
    """The first layer alone, each step long enough to outlive a crash and see the resume."""
    return [task._replace(seconds=task.seconds + 1.5) for task in forty_steps()[:10]]
