"""Tests of workflows: from files and cases to verdicts. Joins the parts; starts no process."""

from __future__ import annotations

from typing import Dict, FrozenSet, List, Mapping, NamedTuple, Sequence, Set, Tuple

from orchestra.cli import prepare
from orchestra.cli.staging import Stage, Unfit, stage, write_outputs
from orchestra.engine.holders import handler_expressions, step_expressions
from orchestra.engine.trial import Played, Trial
from orchestra.engine.trial_comparison import SentAlert, differences
from orchestra.errors import Problem, UsageError, WorkflowError
from orchestra.model.events import Envelope
from orchestra.model.expression import references_of
from orchestra.model.record import RunRecord
from orchestra.model.run import RunState
from orchestra.model.scenario import Fact, Given
from orchestra.model.verdict import Mismatch, Tried, Verdict
from orchestra.model.workflow import AlertWhen, Workflow, steps_within
from orchestra.reports.story import is_about
from orchestra.spec.case_names import Known, problems_of_names
from orchestra.spec.cases import CaseFile, read_case_file
from orchestra.spec.reader import collection_paused
from orchestra.subscribers.alert_rules import due_at_end, slow_limit

_FEWEST_RUNS = 3
_TOLD_STORIES = 5


@collection_paused()
def try_file(path: str, wanted: Sequence[str] = ()) -> Tried:
    """Play the cases of a file; those alone that are `wanted`, if any are.

    Raises:
        UsageError: the file cannot be read, or has no such case.
        WorkflowError: it has faults, or the workflow has that it tests.
    """
    tests = read_case_file(path)
    for name in wanted:
        _refuse_unknown(name, tests)
    found = _workflow_of(tests)
    problems = [*tests.problems, *problems_of_names(tests.layers, Known(found.workflow))]
    named = _named_outputs(found.workflow)
    endings: List[_Ending] = []
    for case in tests.cases:
        try:
            ready = stage(case, found, tests)
        except Unfit as fault:
            problems += fault.problems
            continue
        if not problems and (not wanted or case.name in wanted):
            endings.append(_play(ready, named))
    if problems:
        raise WorkflowError(tests.faults(problems), tests.document.text)
    return Tried(path, _verdicts(endings, tests))


def _refuse_unknown(name: str, tests: CaseFile) -> None:
    names = [case.name for case in tests.cases]
    if name not in names:
        from orchestra.model.nearest import did_you_mean

        hint = did_you_mean(name, names) or "it has: %s" % ", ".join(names[:5])
        raise UsageError("%s has no case `%s`" % (tests.document.file, name), hint)


def _workflow_of(tests: CaseFile) -> prepare.Read:
    try:
        return prepare.read(tests.workflow)
    except UsageError as fault:
        problem = Problem(("workflow",), "no-workflow", fault.message, "name the file to be tested")
        raise WorkflowError(tests.faults([problem]), tests.document.text) from None


def _named_outputs(workflow: Workflow) -> Mapping[str, FrozenSet[str]]:
    """The outputs that expressions name, by the ids of their steps among their siblings."""
    found: Dict[str, Set[str]] = {}
    holders = [
        holder
        for step in steps_within(workflow.step_by_id, workflow.handlers)
        for _, holder in step_expressions(step)
    ]
    for handler in workflow.handlers.values():
        holders += [holder for _, holder in handler_expressions(handler)]
    for holder in [*holders, dict(workflow.outputs)]:
        for reference in references_of(holder):
            path = reference.path
            if len(path) > 3 and path[0] == "steps" and path[2] == "outputs":
                found.setdefault(str(path[1]), set()).add(str(path[3]))
    return {step: frozenset(names) for step, names in found.items()}


class _Ending(NamedTuple):
    """What is kept of a case that was played: its verdict but for the places in the file.

    `case` leads to the case, `paths` to what each of the mismatches is about.
    """

    verdict: Verdict
    case: Problem
    paths: Sequence[Problem]


def _play(ready: Stage, named: Mapping[str, FrozenSet[str]]) -> _Ending:
    case = ready.case
    trial = Trial(ready.plan, ready.scopes, ready.origin, case.given, write_outputs, named)
    played = trial.play(any(each.fact is Fact.OUTPUTS for each in case.expected))
    mismatches: List[Mismatch] = []
    paths: List[Problem] = []
    for gap in played.gaps:
        steps = (gap.step,) if gap.step in played.record.step_by_id else ()
        mismatches.append(Mismatch(0, 0, gap.message, hint=gap.suggestion, steps=steps))
        paths.append(Problem(gap.path or case.path, "", "", on_key=not gap.path))
    if not played.gaps:
        alerts = alerts_of(ready.plan.workflow, case.given, played.record)
        for each in differences(case.expected, played, alerts):
            mismatches.append(Mismatch(0, 0, *each[1:4], steps=each.steps))
            paths.append(Problem(each.expectation.path, "", ""))
    record = played.record
    verdict = Verdict(
        case.name,
        0,
        0,
        record.elapsed_s,
        tuple(mismatches),
        _story(played, mismatches),
        record.started_at,
    )
    return _Ending(verdict, Problem(case.path, "", "", on_key=True), paths)


def _verdicts(endings: Sequence[_Ending], tests: CaseFile) -> List[Verdict]:
    """What the cases came to, with the places in the file: one walk of it finds them all."""
    asked = [problem for ending in endings for problem in (ending.case, *ending.paths)]
    places = iter(tests.document.faults(asked))
    verdicts = []
    for ending in endings:
        own, verdict = next(places), ending.verdict
        mismatches = tuple(
            mismatch._replace(line=place.line, column=place.column)
            for mismatch, place in zip(verdict.mismatches, places)
        )
        verdicts.append(verdict._replace(line=own.line, column=own.column, mismatches=mismatches))
    return verdicts


def _story(played: Played, mismatches: Sequence[Mismatch]) -> Tuple[Envelope, ...]:
    """The events of the steps that the mismatches are about, and those of the run as a whole."""
    steps = {step for mismatch in mismatches[:_TOLD_STORIES] for step in mismatch.steps}
    return tuple(each for each in played.envelopes if is_about(each.event, steps)) if steps else ()


def alerts_of(workflow: Workflow, given: Given, record: RunRecord) -> List[SentAlert]:
    """The alerts that a run sends: those of slowness while it goes on, then those of its end."""
    usual_s = [] if given.usual_s is None else [given.usual_s] * _FEWEST_RUNS
    slow, at_end = [], []
    failed_before = given.failed_before and record.state is RunState.SUCCEEDED
    for entry in workflow.notify:
        limit_s = slow_limit(entry, usual_s)
        if limit_s is not None and (record.elapsed_s or 0.0) > limit_s:
            slow.append(SentAlert(entry.name, AlertWhen.SLOW.value))
        when = due_at_end(entry, record.state, failed_before, is_slow=False)
        if when is not None:
            at_end.append(SentAlert(entry.name, when.value))
    return slow + at_end
