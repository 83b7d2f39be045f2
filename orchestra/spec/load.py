"""A workflow file's bytes to a Workflow, or all that is wrong with them. Runs nothing."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from orchestra.errors import Fault, PathParts, Problem
from orchestra.model.errand import LOCAL
from orchestra.model.workflow import Workflow
from orchestra.spec.document import Document, read_document
from orchestra.spec.executors import Executors, Whereabouts, settings_of_others
from orchestra.spec.files import read_file
from orchestra.spec.findings import MORE, Findings, TooManyError
from orchestra.spec.places import Places
from orchestra.spec.pruning import pruned
from orchestra.spec.reader import collection_paused
from orchestra.spec.references import Names, fanned_out_of, outputs_of
from orchestra.spec.roots import Roots
from orchestra.spec.schema import check
from orchestra.spec.secrets import names_of_secrets, problems_of_secrets, read_secrets
from orchestra.spec.steps import Steps
from orchestra.spec.texts import Texts
from orchestra.spec.uses import Open, Opened, UsesReader

Read = Callable[[str], bytes]
"""Gives the bytes of a file by its path; raises UsageError where it cannot."""

_NUL_ESCAPE = re.compile(rb"\\0|\\x00|\\u0000|\\U00000000")

MOST_FAULTS = 50
"""No more faults than this are told; a last one says how many more there are."""


@dataclass(frozen=True)
class Loaded:
    """A file that was read. `workflow` is None where a fault is an error; `faults` are by line.

    `draft` is the workflow as well where every key is as the schema wants it, whatever else is
    wrong: so that the faults of its graph can be told together with the others.
    """

    workflow: Optional[Workflow]
    draft: Optional[Workflow]
    document: Document
    faults: Tuple[Fault, ...]

    @property
    def text(self) -> str:
        """The text of the file, for showing its lines."""
        return self.document.text

    def located(self, problems: Sequence[Problem]) -> Tuple[Fault, ...]:
        """This file's faults and the problems found elsewhere, by line, the most telling ones."""
        if not problems:
            return self.faults
        return told([*self.faults, *self.document.faults(problems)])


def load(
    path: str,
    data: Optional[bytes] = None,
    read: Read = read_file,
    is_past: bool = False,
    executor: Optional[str] = None,
) -> Loaded:
    """The workflow in the file `path`, whose bytes are read unless `data` gives them.

    The files that it uses are read with it, each once; `read` gives the bytes of a file. Of one
    that `is_past` it is not looked whether the files and folders that it names are there now. The
    `executor` that a person wants takes the place of what files say for all their steps; `local`
    of what steps say, too.

    Raises:
        UsageError: the file cannot be read.
    """
    bytes_by_path: Dict[str, bytes] = {}

    def read_once(file: str) -> bytes:
        if file not in bytes_by_path:
            bytes_by_path[file] = read(file)
        return bytes_by_path[file]

    whereabouts = Whereabouts(executor or LOCAL, executor)
    return _load(path, data, (), {}, read_once, is_past, whereabouts)


def _load(
    path: str,
    data: Optional[bytes],
    chain: Tuple[str, ...],
    known: Dict[Tuple[str, str], Opened],
    read: Read,
    is_past: bool,
    whereabouts: Whereabouts,
) -> Loaded:
    chain = (*chain, os.path.realpath(path))

    def open_used(file: str, executor: str) -> Opened:
        key = os.path.realpath(file), executor
        if key not in known:
            inside = whereabouts._replace(around=executor)
            used = _load(file, None, chain, known, read, is_past, inside)
            known[key] = (used.workflow, used.faults)
        return known[key]

    document = read_document(path, read(path) if data is None else data)
    with collection_paused():
        findings = Findings()
        draft = None
        cut = False
        try:
            if document.whole:
                draft = _workflow(document, findings, chain, open_used, is_past, whereabouts)
        except TooManyError:
            cut = True
        faults = [*document.blemish_faults(), *document.faults(findings.problems)]
    is_sound = not any(fault.severity == "error" for fault in faults)
    more = findings.count - len(findings.problems)
    return Loaded(draft if is_sound else None, draft, document, told(faults, more, cut))


def _workflow(
    document: Document,
    findings: Findings,
    chain: Tuple[str, ...],
    open_used: Open,
    is_past: bool,
    whereabouts: Whereabouts,
) -> Optional[Workflow]:
    """The workflow, None where the schema is not met; all that is wrong goes to the findings."""
    data = document.root
    if data is None:
        message = "the file is empty"
        findings.error((), "empty", message, "`orchestra init` writes one to start from")
        return None
    if isinstance(data, dict) and "cases" in data and "steps" not in data:
        file = os.path.basename(document.file)
        message = "this file holds tests of a workflow, and is none itself"
        findings.error((), "test-file", message, "`orchestra test %s` plays its cases" % file)
        return None
    _refuse_nul(document, findings)
    others = settings_of_others(data)
    if others:
        data = {key: value for key, value in data.items() if key not in others}
    mismatch = check(data)
    for problem in mismatch.problems:
        findings.add(problem)
    findings.count += mismatch.more
    if not isinstance(data, dict) or not mismatch.is_complete:
        return None
    names = _names(data)
    if mismatch.problems:
        data = pruned(data, mismatch)
    path = os.path.abspath(document.file)
    places = Places(os.path.dirname(path), findings, looks=not is_past)
    texts = Texts(names, findings)
    secrets, _ = read_secrets(data.get("secrets", []))
    executors = Executors(texts, findings, whereabouts)
    folder = os.path.dirname(path)
    uses = UsesReader(folder, chain, secrets, open_used, texts, findings, executors)
    steps = Steps(texts, places, uses, findings, executors)
    roots = Roots(texts, places, steps, findings)
    fields = roots.fields(data, os.path.splitext(os.path.basename(path))[0])
    fields["executor_settings"] = executors.read_root(data, others)
    steps.read_defaults(data.get("defaults", {}))
    step_by_id = steps.steps(data["steps"], ())
    handlers = steps.run_handlers(data)
    if mismatch.problems:
        return None
    workflow = Workflow(
        path=path, folder=folder, step_by_id=step_by_id, handlers=handlers, **fields
    )
    for problem in problems_of_secrets(workflow):
        findings.add(problem)
    return workflow


def _names(data: Mapping[str, Any]) -> Names:
    """What the file declares, whatever else is wrong with it."""
    steps = _mapping(data.get("steps"))
    return Names(
        _mapping(data.get("params")),
        _mapping(data.get("vars")),
        outputs_of(steps),
        names_of_secrets(data.get("secrets")),
        fanned_out_of(steps),
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _refuse_nul(document: Document, findings: Findings) -> None:
    """A NUL can only come from an escape; none is of use in any text of a workflow."""
    if not _NUL_ESCAPE.search(document.data):
        return
    waiting: List[Tuple[PathParts, Any]] = [((), document.root)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(((*path, key), part) for key, part in value.items())
        elif isinstance(value, list):
            waiting.extend(((*path, number), part) for number, part in enumerate(value))
        is_key = bool(path) and isinstance(path[-1], str) and "\0" in path[-1]
        if is_key or (isinstance(value, str) and "\0" in value):
            message = "a NUL cannot stand in a workflow"
            findings.error(path, "nul", message, "take the escape out", on_key=is_key)


def told(faults: Sequence[Fault], more: int = 0, cut: bool = False) -> Tuple[Fault, ...]:
    """The faults by line, one at a place, errors before warnings where not all are told.

    There are so many `more` that are not given, or, where the search was `cut` short, at least.
    """
    by_place: Dict[Tuple[int, int, str, bool], Fault] = {}
    for fault in faults:
        place = (fault.line, fault.column, fault.severity, fault.code == MORE)
        by_place.setdefault(place, fault)
    ordered = sorted(by_place.values(), key=_place)
    chosen = sorted(ordered, key=_is_warning)[:MOST_FAULTS]
    more += len(ordered) - len(chosen)
    shown = sorted(chosen, key=_place)
    if more:
        last = shown[-1]
        words = "and %s%d more" % ("at least " if cut else "", more)
        shown.append(Fault(last.file, last.line, last.column, (), last.severity, MORE, words))
    return tuple(shown)


def _place(fault: Fault) -> Tuple[int, int]:
    return fault.line, fault.column


def _is_warning(fault: Fault) -> bool:
    return fault.severity == "warning"
