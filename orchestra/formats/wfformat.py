"""WfFormat, the JSON in which WfCommons publishes runs of scientific workflows, to a Trace.

Source: https://github.com/wfcommons/WfFormat, its README and schema of versions 1.4, 1.5 and 1.6,
and for 1.4 tools/wfcommons-migrate-instance.py.
"""

from __future__ import annotations

import math
from typing import (
    Any,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
    Union,
)

from graphlib import CycleError, TopologicalSorter

from orchestra.errors import PathParts, Problem, WorkflowError
from orchestra.formats.json_checks import Checks
from orchestra.formats.json_file import read_json_file
from orchestra.formats.trace import Task, Trace
from orchestra.spec.wording import shortened, shown

_Number = TypeVar("_Number", int, float)

VERSIONS = ("1.4", "1.5", "1.6")

_KEYS: Mapping[Union[str, int], Sequence[str]] = {
    "cpu": ("coreCount", "cores"),
    "memory": ("memoryInBytes", "memory"),
}
"""Where the amount of a resource stands in what a task's run came to, the newest name first."""

_SHOWN_OF_CYCLE = 8
_KB = 1000  # what 1.4 took over from older versions counts in it
_FLAT: PathParts = ("workflow",)
_SPECIFICATION: PathParts = ("workflow", "specification")
_EXECUTION: PathParts = ("workflow", "execution")


def read_wfformat(path: str) -> Trace:
    """The trace in the WfFormat file `path`.

    Raises:
        UsageError: the file cannot be read.
        WorkflowError: it is no sound WfFormat; all that could be found, with positions.
    """
    file = read_json_file(path)
    checks = Checks()
    trace = _trace(file.root, checks)
    if trace is None or checks.problems:
        raise file.error(checks.problems)
    return trace


def error_in_wfformat(path: str, problems: Sequence[Problem]) -> WorkflowError:
    """The problems at their places in the WfFormat file `path`, which was read before.

    A path may be that of a `Task` and behind it the name of a resource: there stands its amount.
    """
    file = read_json_file(path)
    return file.error([_with_key(problem, file.root) for problem in problems])


def _with_key(problem: Problem, root: Any) -> Problem:
    *path, last = problem.path or ("",)
    if last not in _KEYS:
        return problem
    data = root
    for part in path:
        data = data[part]
    key = next((key for key in _KEYS[last] if data.get(key) is not None), None)
    return problem._replace(path=tuple(path) if key is None else (*path, key))


class _Entry(NamedTuple):
    """A task as it stands in the file at `path`; `run` is what its run came to, at `run_path`.

    `words` are what others name it by.
    """

    id: str
    name: str
    words: Tuple[str, ...]
    path: PathParts
    data: Mapping[str, Any]
    run_path: PathParts
    run: Mapping[str, Any]


def _trace(root: Any, checks: Checks) -> Optional[Trace]:
    """The trace; None only where there are problems."""
    version = _version(root, checks)
    if version is None:
        return None
    workflow = checks.need_mapping(root, (), "workflow")
    if version == "1.4":
        path, execution = _FLAT, workflow
        entries = _flat_entries(workflow, checks)
    else:
        path = _EXECUTION
        specification = checks.need_mapping(workflow, _FLAT, "specification")
        execution = checks.need_mapping(workflow, _FLAT, "execution")
        # without one of them, all that the other one names would be blamed
        entries = [] if checks.problems else _entries(specification, execution, checks)
    if not entries:
        if not checks.problems:
            checks.blame(_FLAT, "no-tasks", "this workflow has no tasks")
        return None
    needs = _needs(entries, checks)
    if version == "1.4":
        needs = _needs_by_files(entries, needs, checks)
    tasks = tuple(_task(entry, above, checks) for entry, above in zip(entries, needs))
    _refuse_cycle(entries, needs, checks)
    machines = list(checks.mappings(execution, path, "machines"))
    cores = [_cores(machine, at, checks) for at, machine in machines]
    memory_bytes = [_memory_bytes(machine, at, checks) for at, machine in machines]
    return Trace(
        checks.text(root, (), "name") or "trace",
        "WfFormat " + version,
        tasks,
        checks.amount(execution, path, "makespanInSeconds"),
        _sum(cores),
        _sum(memory_bytes),
    )


def _version(root: Any, checks: Checks) -> Optional[str]:
    if not isinstance(root, dict) or "schemaVersion" not in root:
        message = "this is no WfFormat: `schemaVersion` is missing"
        checks.blame((), "no-wfformat", message, "is it the right file?")
        return None
    version = root["schemaVersion"]
    # some writers give a number
    text = repr(version) if isinstance(version, float) else version
    if isinstance(text, str) and text in VERSIONS:
        return text
    message = "WfFormat %s is not known here" % shown(version, as_text=False)
    hint = "%s are; WfCommons' wfcommons-migrate-instance.py makes 1.6 of older ones" % (
        ", ".join(VERSIONS)
    )
    checks.blame(("schemaVersion",), "version", message, hint)
    return None


def _flat_entries(workflow: Mapping[str, Any], checks: Checks) -> List[_Entry]:
    """The tasks of 1.4, each with what its run came to; they name each other by name or id."""
    key = "jobs" if "jobs" in workflow and "tasks" not in workflow else "tasks"
    entries = []
    for path, data in checks.mappings(workflow, _FLAT, key):
        name = checks.need_text(data, path, "name", "no-name", "this task has no `name`")
        if name is None:
            continue
        id = checks.text(data, path, "id") or name
        words = (name,) if id == name else (name, id)
        # as the migration does: the name is an id already where it holds that
        id = name if id in name else "%s_%s" % (name, id)
        entries.append(_Entry(id, name, words, path, data, path, data))
    return entries


def _entries(
    specification: Mapping[str, Any], execution: Mapping[str, Any], checks: Checks
) -> List[_Entry]:
    """The tasks of 1.5 and later, whose graph and whose runs are told of apart."""
    runs = _by_id(execution, _EXECUTION, checks)
    tasks = _by_id(specification, _SPECIFICATION, checks)
    entries = []
    for id, (path, data) in tasks.items():
        run_path, run = runs.get(id, (path, None))
        if run is None:
            message = "nothing tells how long `%s` took" % shortened(id)
            checks.blame(path, "no-runtime", message, "add it to `workflow.execution.tasks`")
            run = {"runtimeInSeconds": 0}
        name = checks.text(data, path, "name") or id
        entries.append(_Entry(id, name, (id,), path, data, run_path, run))
    for id, (path, _) in runs.items():
        if id not in tasks:
            message = "`%s` was run, and is no task of `workflow.specification`" % shortened(id)
            checks.unknown((*path, "id"), message, id, tasks)
    return entries


def _by_id(
    part: Mapping[str, Any], path: PathParts, checks: Checks
) -> Dict[str, Tuple[PathParts, Mapping[str, Any]]]:
    """What stands under `tasks`, by its id, with its path."""
    found: Dict[str, Tuple[PathParts, Mapping[str, Any]]] = {}
    for at, data in checks.mappings(part, path, "tasks"):
        id = checks.need_text(data, at, "id", "no-id", "this task has no `id`")
        if id in found:
            message = "the id `%s` is given to two tasks" % shortened(id)
            checks.blame((*at, "id"), "duplicate-id", message)
        elif id is not None:
            found[id] = (at, data)
    return found


def _needs(entries: Sequence[_Entry], checks: Checks) -> List[Tuple[int, ...]]:
    """For each task the places of those it waits for: its parents, and whose child it is."""
    places_by_word: Dict[str, List[int]] = {}
    for place, entry in enumerate(entries):
        for word in entry.words:
            places_by_word.setdefault(word, []).append(place)
    needs: List[Dict[int, None]] = [{} for _ in entries]
    for key in ("parents", "children"):
        for place, entry in enumerate(entries):
            for path, word in checks.texts(entry.data, entry.path, key):
                others = places_by_word.get(word, ())
                if len(others) != 1:
                    _blame_reference(path, word, len(others), places_by_word, checks)
                elif key == "parents":
                    needs[place][others[0]] = None
                else:
                    needs[others[0]][place] = None
    return [tuple(above) for above in needs]


def _needs_by_files(
    entries: Sequence[_Entry], needs: Sequence[Tuple[int, ...]], checks: Checks
) -> List[Tuple[int, ...]]:
    """The same, and for each task of 1.4 that waits for none those that wrote what it reads."""
    writer_by_file: Dict[str, int] = {}
    read: List[List[str]] = [[] for _ in entries]
    for place, entry in enumerate(entries):
        for path, file in checks.mappings(entry.data, entry.path, "files"):
            name = checks.text(file, path, "name")
            if name is not None and checks.text(file, path, "link") == "input":
                read[place].append(name)
            elif name is not None:
                writer_by_file.setdefault(name, place)
    found = []
    for place, names in enumerate(read):
        writers = [writer_by_file[name] for name in names if name in writer_by_file]
        found.append(needs[place] or tuple(dict.fromkeys(w for w in writers if w != place)))
    return found


def _blame_reference(
    path: PathParts, word: str, count: int, known: Iterable[str], checks: Checks
) -> None:
    """Tells that a word in a list of tasks names none, or more than one."""
    if count:
        message = "`%s` is the name of %d tasks" % (shortened(word), count)
        checks.blame(path, "unclear-task", message, "name the one that is meant by its `id`")
    else:
        message = "`%s` of `%s` is no task" % (shortened(word), path[-2])
        checks.unknown(path, message, word, known)


def _refuse_cycle(
    entries: Sequence[_Entry], needs: Sequence[Tuple[int, ...]], checks: Checks
) -> None:
    sorter: TopologicalSorter[int] = TopologicalSorter(dict(enumerate(needs)))
    try:
        sorter.prepare()
    except CycleError as fault:
        places = fault.args[1][1:]
        ids = [shortened(entries[place].id) for place in places[:_SHOWN_OF_CYCLE]]
        message = "these tasks wait for each other: " + ", ".join(ids)
        if len(places) > len(ids):
            message += " and %d more" % (len(places) - len(ids))
        checks.blame(entries[places[0]].path, "cycle", message, "a trace is a graph without cycles")


def _task(entry: _Entry, needs: Tuple[int, ...], checks: Checks) -> Task:
    run, path = entry.run, entry.run_path
    runtime_s = _amount(run, path, ("runtimeInSeconds", "runtime"), checks)
    if runtime_s is None and run.get("runtimeInSeconds", run.get("runtime")) is None:
        message = "nothing tells how long `%s` took" % shortened(entry.id)
        checks.blame(path, "no-runtime", message, "give it `runtimeInSeconds`")
    cores = _amount(run, path, _KEYS["cpu"], checks)
    memory_bytes = _memory_bytes(run, path, checks)
    return Task(entry.id, entry.name, needs, runtime_s or 0.0, cores, memory_bytes, path)


def _cores(machine: Mapping[str, Any], path: PathParts, checks: Checks) -> Optional[float]:
    if machine.get("cpu") is None:
        return None
    cpu = checks.need_mapping(machine, path, "cpu")
    return _amount(cpu, (*path, "cpu"), ("coreCount", "count"), checks)


def _memory_bytes(data: Mapping[str, Any], path: PathParts, checks: Checks) -> Optional[int]:
    """Bytes of a task or a machine, broken ones rounded up; none is as good as not told."""
    memory_bytes = checks.amount(data, path, "memoryInBytes")
    if memory_bytes is None:
        memory_bytes = (checks.amount(data, path, "memory") or 0) * _KB
    return math.ceil(memory_bytes) or None


def _amount(
    data: Mapping[str, Any], path: PathParts, keys: Sequence[str], checks: Checks
) -> Optional[float]:
    """The number under the first of the keys that is there: the newest name, then the older one."""
    key = next((key for key in keys if data.get(key) is not None), keys[0])
    return checks.amount(data, path, key)


def _sum(amounts: Sequence[Optional[_Number]]) -> Optional[_Number]:
    """The sum, None where there is nothing, or one of them is not known."""
    known = [amount for amount in amounts if amount]
    return sum(known[1:], known[0]) if known and len(known) == len(amounts) else None
