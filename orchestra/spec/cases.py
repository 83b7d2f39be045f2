"""A file of tests: its bytes to cases, or all that is wrong with them. Looks at no workflow."""

from __future__ import annotations

import copy
import datetime
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from orchestra.errors import Fault, PathParts, Problem, WorkflowError
from orchestra.model.scenario import Case, Course, Expectation, Fact, Given, Result
from orchestra.model.units import parse_amount, parse_duration
from orchestra.spec.accept_cases import is_test_file
from orchestra.spec.document import Document, read_document
from orchestra.spec.files import read_file
from orchestra.spec.findings import Findings, TooManyError
from orchestra.spec.load import told
from orchestra.spec.scalars import text_of
from orchestra.spec.schema import schema_text

_START = "2026-01-01T00:00:00Z"
_BEFORE = " before "
_ENDS = ("result", "exit_code", "signal", "refused")
_RUN_FACTS = {"state": Fact.STATE, "exit_code": Fact.EXIT_CODE, "elapsed": Fact.ELAPSED}
_STEP_FACTS = {
    "reason": Fact.REASON,
    "attempts": Fact.ATTEMPTS,
    "instances": Fact.INSTANCES,
    "started_at": Fact.STARTED_AT,
    "ended_at": Fact.ENDED_AT,
}
_TIMES = frozenset([Fact.ELAPSED, Fact.STARTED_AT, Fact.ENDED_AT])

Layer = Tuple[PathParts, Mapping[str, Any]]
"""A `given` or an `expect` of the file, and the path to it; those of a case come first."""


@dataclass(frozen=True)
class CaseFile:
    """A file of tests that was read; `workflow` is the path of the file that it tests.

    `layers` are all its `given` and `expect`, with the paths to them; where there are `problems`,
    what these speak of is left out.
    """

    document: Document
    workflow: str
    cases: Tuple[Case, ...]
    layers: Tuple[Layer, ...]
    problems: Tuple[Problem, ...] = ()

    def faults(self, problems: Sequence[Problem]) -> Tuple[Fault, ...]:
        """The problems with their places in the file, in its order, the most telling ones."""
        distinct = {(p.path, p.message, p.on_key): p for p in problems}
        return told(self.document.faults(list(distinct.values())), 0, False)


def read_case_file(path: str) -> CaseFile:
    """The tests in a file, with all that is wrong with those that can be read.

    Raises:
        UsageError: the file cannot be read.
        WorkflowError: none of them can; all that could be found.
    """
    document = read_document(path, read_file(path))
    findings = Findings()
    read: Optional[CaseFile] = None
    if document.whole:
        with suppress(TooManyError):
            read = _read(document, findings)
    blemishes = document.blemish_faults()
    if read is None or blemishes:
        faults = [*blemishes, *document.faults(findings.problems)]
        raise WorkflowError(told(faults, 0, False), document.text)
    return read


def _read(document: Document, findings: Findings) -> Optional[CaseFile]:
    data = document.root
    if isinstance(data, dict) and "steps" in data and "cases" not in data:
        message = "this file is a workflow, and holds no tests"
        hint = "a file of tests names it: `workflow: %s`" % os.path.basename(document.file)
        findings.error((), "no-tests", message, hint)
        return None
    is_whole = is_test_file(data)
    if not is_whole:
        # jsonschema takes longer to import than the file to read: only for a rejection
        from orchestra.spec.explain import Explainer

        for problem in Explainer(json.loads(schema_text("test")), "the file").all(data):
            findings.add(problem)
        data = _without(data, findings.problems)
        if not is_test_file(data):
            return None
    cases = [_case(name, data, findings, is_whole) for name in data["cases"]]
    layers: List[Layer] = []
    for key in ("given", "expect"):
        layers.append(((key,), data.get(key, {})))
        for name, case in data["cases"].items():
            layers.append((("cases", name, key), case.get(key, {})))
    workflow = os.path.join(os.path.dirname(document.file), data["workflow"])
    return CaseFile(document, workflow, tuple(cases), tuple(layers), tuple(findings.problems))


def _without(data: Any, problems: Sequence[Problem]) -> Any:
    """The data without what the problems speak of, so that the rest can be checked too."""
    rest = copy.deepcopy(data)
    for problem in problems:
        holder: Any = rest
        entry: Any = None
        for part in problem.path:
            if isinstance(holder, dict) and part in holder:
                entry = holder, part
            elif not isinstance(holder, list) or not isinstance(part, int):
                break
            holder = holder[part]
        if entry is not None:
            entry[0].pop(entry[1], None)
    return rest


def _case(name: str, data: Mapping[str, Any], findings: Findings, is_whole: bool) -> Case:
    path = ("cases", name)
    case = data["cases"][name]
    given: List[Layer] = [
        ((*path, "given"), case.get("given", {})),
        (("given",), data.get("given", {})),
    ]
    expect: List[Layer] = [
        ((*path, "expect"), case.get("expect", {})),
        (("expect",), data.get("expect", {})),
    ]
    reader = _Reader(findings)
    expected = tuple(reader.expectations(expect))
    if not expected and is_whole:
        message = "`%s` expects nothing, so nothing can fail" % name
        hint = "write `expect: {state: succeeded}`, or what it should come to"
        findings.error(path, "expects-nothing", message, hint, on_key=True)
    return Case(name, path, reader.given(given), expected)


class _Reader:
    """Reads layers that have the right form by the schema; the first that has a key wins."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def given(self, layers: Sequence[Layer]) -> Given:
        """What is given in a case."""
        last_run = self._value(layers, "last_run", "succeeded")
        stops = self._at(layers, "stop_at")
        usual = self._at(layers, "usual_duration")
        return Given(
            started_at=self._start(layers),
            params={name: value for name, value, _ in _merged(layers, "params")},
            env=_texts(layers, "env"),
            env_file=_texts(layers, "env_file"),
            secrets=_texts(layers, "secrets"),
            failed_before=last_run == "failed",
            usual_s=None if usual is None else self._duration(*usual),
            budget=self._amounts(layers),
            max_parallel=self._value(layers, "max_parallel", None),
            fail_fast=self._value(layers, "fail_fast", None),
            force=bool(self._value(layers, "force", False)),
            stops_s=() if stops is None else self._durations(*stops),
            duration_s=self._duration(*(self._at(layers, "duration") or (0, ()))),
            results=[
                (str(key), self._results(value, path))
                for key, value, path in _merged(layers, "steps")
            ],
        )

    def _at(self, layers: Sequence[Layer], key: str) -> Optional[Tuple[Any, PathParts]]:
        """The value of a key and where it stands."""
        for path, layer in layers:
            if key in layer:
                return layer[key], (*path, key)
        return None

    def _value(self, layers: Sequence[Layer], key: str, default: Any) -> Any:
        found = self._at(layers, key)
        return default if found is None else found[0]

    def _start(self, layers: Sequence[Layer]) -> float:
        text, path = self._at(layers, "started_at") or (_START, ())
        try:
            moment = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")
            return moment.replace(tzinfo=datetime.timezone.utc).timestamp()
        except ValueError:
            self._findings.error(path, "time", "there is no such time")
            return 0.0

    def _durations(self, value: Any, path: PathParts) -> Tuple[float, ...]:
        if not isinstance(value, list):
            return (self._duration(value, path),)
        return tuple(self._duration(each, (*path, n)) for n, each in enumerate(value))

    def _duration(self, value: Any, path: PathParts) -> float:
        try:
            return parse_duration(str(value))
        except ValueError:
            self._findings.error(path, "too-large", "a duration is at most ten years")
            return 0.0

    def _amounts(self, layers: Sequence[Layer]) -> Dict[str, int]:
        amounts = {}
        for name, value, path in _merged(layers, "budget"):
            try:
                amounts[name] = parse_amount(name, text_of(value))
            except ValueError:
                self._findings.error(path, "too-large", "this is no amount of `%s`" % name)
        return amounts

    def _results(self, value: Any, path: PathParts) -> Tuple[Result, ...]:
        if not isinstance(value, list):
            return (self._result(value, path),)
        return tuple(self._result(each, (*path, n)) for n, each in enumerate(value))

    def _result(self, value: Any, path: PathParts) -> Result:
        if isinstance(value, str):
            return Result(Course(value), path=path)
        if not isinstance(value, dict):
            return Result(exit_code=int(value), path=path)
        ends = [key for key in _ENDS if key in value]
        if len(ends) > 1:
            message = "an attempt ends in one way, and here are `%s`" % "` and `".join(ends)
            self._findings.error(path, "two-ends", message, "keep one of them")
        duration_s = None
        if "duration" in value:
            duration_s = self._duration(value["duration"], (*path, "duration"))
        code = value.get("exit_code")
        return Result(
            Course(value.get("result", "success")),
            None if code is None else int(code),
            value.get("signal"),
            text_of(value.get("refused", "")),
            duration_s,
            value.get("outputs", {}),
            text_of(value.get("log", "")),
            self._duration(value.get("stops_after", 0), (*path, "stops_after")),
            path,
        )

    def expectations(self, layers: Sequence[Layer]) -> Iterator[Expectation]:
        """What is expected in a case, one thing after the other."""
        for key, fact in _RUN_FACTS.items():
            found = self._at(layers, key)
            if found is not None:
                yield self._expectation(fact, *found)
        for name, value, path in _merged(layers, "outputs"):
            yield Expectation(Fact.OUTPUTS, path, {name: value})
        yield from self._alerts(layers)
        value, path = self._at(layers, "order") or ([], ())
        for number, text in enumerate(value):
            steps = [step.strip() for step in text.split(_BEFORE)]
            for first, second in zip(steps, steps[1:]):
                yield Expectation(Fact.ORDER, (*path, number), [first, second])
        for key, value, path in _merged(layers, "steps"):
            yield from self._step(key, value, path)

    def _expectation(self, fact: Fact, value: Any, path: PathParts, step: str = "") -> Expectation:
        wanted = self._duration(value, path) if fact in _TIMES else value
        if fact is Fact.REASON:
            wanted = text_of(value)
        return Expectation(fact, path, wanted, step)

    def _alerts(self, layers: Sequence[Layer]) -> Iterator[Expectation]:
        value, path = self._at(layers, "alerts") or (None, ())
        if isinstance(value, list):
            yield Expectation(Fact.ALERTS, path, value)
        for name, whens in value.items() if isinstance(value, dict) else ():
            listed = whens if isinstance(whens, list) else [whens]
            yield Expectation(Fact.ALERTS, (*path, name), {name: listed})

    def _step(self, step: str, value: Any, path: PathParts) -> Iterator[Expectation]:
        if not isinstance(value, dict):
            yield Expectation(Fact.STEP_STATE, path, _listed(value), step)
            return
        for key, part in value.items():
            if key == "state":
                yield Expectation(Fact.STEP_STATE, (*path, key), _listed(part), step)
            elif key == "outputs":
                for name, one in part.items():
                    where = (*path, key, name)
                    yield Expectation(Fact.STEP_OUTPUTS, where, {name: one}, step)
            else:
                yield self._expectation(_STEP_FACTS[key], part, (*path, key), step)


def _merged(layers: Sequence[Layer], key: str) -> Iterator[Tuple[str, Any, PathParts]]:
    """The entries of a mapping in all layers with their paths, those of the first layer first."""
    seen = set()
    for path, layer in layers:
        for name, value in layer.get(key, {}).items():
            if name not in seen:
                seen.add(name)
                yield name, value, (*path, key, name)


def _texts(layers: Sequence[Layer], key: str) -> Dict[str, str]:
    return {name: text_of(value) for name, value, _ in _merged(layers, key)}


def _listed(value: Any) -> List[str]:
    return value if isinstance(value, list) else [value]
