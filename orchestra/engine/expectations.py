"""What is expected of each step before the run: whether it will run, and why. Pure."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from orchestra.engine.caching import Cache
from orchestra.engine.fanout import Row, instance_id, rows_of, trees_of
from orchestra.engine.foresight import Foresight
from orchestra.engine.graph import Graph, UsedGraph, problems_inside, problems_of_used
from orchestra.engine.rules import Verdict, asks_status, judge
from orchestra.engine.scope import Scopes
from orchestra.errors import PathParts, Problem
from orchestra.model.expression import ExpressionError, Value, evaluate_condition
from orchestra.model.plan import SPARED, PlannedInstance, Will
from orchestra.model.run import StepState
from orchestra.model.selection import EVERYTHING, UNKNOWN, Place, Selection, spellings
from orchestra.model.workflow import (
    FanOut,
    InnerSteps,
    Matrix,
    Need,
    NeedResult,
    Step,
    Uses,
)

_NO_NAMES: Mapping[str, Value] = {}


class Expectation(NamedTuple):
    """What is expected of a step; `result` is None where it cannot be known.

    `outputs` are those of an earlier run; `instances` are those of a fan-out, None where only the
    run can tell, or there is none. One that runs `may_skip` by its exit code.
    """

    will: Will
    reason: str
    result: Optional[NeedResult] = NeedResult.SUCCESS
    outputs: Mapping[str, Value] = _NO_NAMES
    instances: Optional[Tuple[PlannedInstance, ...]] = None
    is_left_out: bool = False
    may_skip: bool = False

    @property
    def is_good(self) -> bool:
        """Whether the step will run, as far as the rules go, and may well succeed."""
        return self.will is Will.RUN and self.result is NeedResult.SUCCESS


class Outlook(NamedTuple):
    """What is expected of the steps of a graph, in its order, and by number of those in them.

    `handlers` and `at_end` are as in the graph: the workflows that handlers use.
    """

    scopes: Scopes
    expected: Tuple[Expectation, ...]
    inner: Mapping[int, Outlook]
    handlers: Mapping[int, Mapping[str, Outlook]]
    at_end: Mapping[str, Outlook]


class Circumstances(NamedTuple):
    """What the person wants, and where what is found goes; `cache` is None where none is asked."""

    selection: Selection
    problems: List[Problem]
    notes: List[str]
    cache: Optional[Cache] = None
    force: bool = False


def outlook(graph: Graph, scopes: Scopes, circumstances: Circumstances) -> Outlook:
    """What is expected of the steps of a workflow."""
    foresight = Foresight(graph, scopes, circumstances.cache, circumstances.force)
    return _Forecast(graph, scopes, circumstances, foresight).outlook()


class _Forecast:
    """Makes the outlook of one graph.

    `place` and `prefix` are those of the step that it is in, `around` is what is expected of that
    one; `busy` is a step above it which will or may run, in words: what is below depends on what
    it will leave.
    """

    def __init__(
        self,
        graph: Graph,
        scopes: Scopes,
        circumstances: Circumstances,
        foresight: Foresight,
        place: Place = (),
        prefix: str = "",
        busy: str = "",
        around: Optional[Expectation] = None,
    ) -> None:
        self._graph = graph
        self._scopes = scopes
        self._circumstances = circumstances
        self._foresight = foresight
        self._place = place
        self._prefix = prefix
        self._busy = busy
        self._around = around
        self._expected_by_id: Dict[str, Expectation] = {}
        self._inner: Dict[int, Outlook] = {}

    def outlook(self) -> Outlook:
        """What is expected of each step, those above it first."""
        for number, step in enumerate(self._graph.order):
            self._expected_by_id[step.id] = self._doubt(self._expect(number, step))
        expected = tuple(self._expected_by_id.values())
        graph = self._graph
        handlers = {
            number: self._of_handlers(used, ("steps", graph.order[number].id))
            for number, used in graph.handlers.items()
        }
        at_end = self._of_handlers(graph.at_end, ())
        return Outlook(self._scopes, expected, self._inner, handlers, at_end)

    def _expect(self, number: int, step: Step) -> Expectation:
        place = (*self._place, (step.id,))
        left = self._circumstances.selection.left_out(place, self._prefix + step.id)
        if left is not None:
            rows = None if step.fan_out is None else self._foresight.rows(step, step.fan_out)
            items = None if rows is None else [row.value for row in rows]
            self._foresight.settle(step, StepState.SKIPPED, left.outputs, items=items)
            return Expectation(Will.SKIP, left.reason, is_left_out=True)
        needs = [(need, self._expected_by_id[need.step]) for need in step.needs]
        if self._around is not None and self._around.will is Will.SKIP:
            expected = Expectation(Will.SKIP, self._around.reason, NeedResult.SKIPPED)
        else:
            expected = _by_rule(step, needs, self._scopes)
        busy = self._above_busy(needs) or self._busy
        if expected.will is Will.SKIP:
            self._foresight.settle(step, StepState.SKIPPED, result=NeedResult.SKIPPED)
        if number in self._graph.inner:
            self._look_inside(number, step, place, expected, busy)
        found = expected
        if step.fan_out is not None:
            rows = self._rows(step, step.fan_out, busy)
            if rows is not None:
                found = self._spread(step, place, expected, rows, busy)
            elif expected.is_good and step.cache is not None and not self._foresight.force:
                found = _only_run_tells(busy)
        elif expected.is_good:
            found = self._spared(step, expected, busy)
        may_skip = bool(step.skip_codes) and found.will not in SPARED
        return found._replace(may_skip=may_skip)

    def _doubt(self, expected: Expectation) -> Expectation:
        """The same, unless it is not known whether the step around will run."""
        around = self._around
        if around is None or around.will is not Will.UNKNOWN or expected.will is not Will.RUN:
            return expected
        return expected._replace(will=Will.UNKNOWN, reason=around.reason)

    def _above_busy(self, needs: Sequence[Tuple[Need, Expectation]]) -> str:
        for need, expected in needs:
            if not self._foresight.is_settled(need.step):
                will = "will" if expected.will is Will.RUN else "may"
                return "`%s`, which %s run" % (need.step, will)
        return ""

    def _spared(self, step: Step, expected: Expectation, busy: str) -> Expectation:
        """What is expected of a step that runs by rule once the cache is looked into."""
        if step.body is None and not busy:
            self._foresight.settle(step, StepState.SUCCEEDED)
        if step.body is None or step.cache is None:
            return expected
        found = self._look(step, busy)
        if found.will is Will.CACHED:
            self._foresight.settle(step, StepState.CACHED, found.outputs)
        return found

    def _look(
        self, step: Step, busy: str, id: str = "", names: Mapping[str, Value] = _NO_NAMES
    ) -> Expectation:
        if self._foresight.force:
            return Expectation(Will.RUN, "--force")
        finding = None if busy else self._foresight.look(step, id, names)
        if finding is None:
            return _only_run_tells(busy)
        if finding.fault:
            return Expectation(Will.RUN, finding.fault, NeedResult.FAILURE)
        if finding.success is None:
            return Expectation(Will.RUN, finding.reason)
        return Expectation(Will.CACHED, finding.reason, outputs=finding.success.outputs)

    # The instances of a step

    def _rows(self, step: Step, fan_out: FanOut, busy: str) -> Optional[List[Row]]:
        """The instances of a fan-out, as far as they are known before the run."""
        scopes = self._scopes
        if not all(scopes.is_known(tree, step) for tree in trees_of(fan_out)):
            return None if busy else self._foresight.rows(step, fan_out)
        try:
            return rows_of(fan_out, scopes.early_scope(step))
        except ExpressionError as fault:
            key = "matrix" if isinstance(fan_out, Matrix) else "foreach"
            problem = Problem(("steps", step.id, key), "fan-out", fault.message, fault.hint)
            self._circumstances.problems.append(problem)
            return None

    def _spread(
        self, step: Step, place: Place, expected: Expectation, rows: Sequence[Row], busy: str
    ) -> Expectation:
        """What is expected of a step by what is expected of its instances."""
        found = [
            self._instance(step, place, number, row, expected, busy)
            for number, row in enumerate(rows)
        ]
        instances = tuple(
            PlannedInstance(instance_id(step.id, row), each.will, each.reason)
            for row, each in zip(rows, found)
        )
        expected = expected._replace(instances=instances)
        if not expected.is_good:
            return expected
        spared = [each for each in found if each.will in SPARED]
        if len(spared) == len(found):
            return self._spared_all(step, expected, rows, found)
        open_ones = [each for each in found if each.will not in SPARED]
        if spared:
            count = "%d of %d need not run" % (len(spared), len(found))
            expected = expected._replace(reason="%s; %s" % (expected.reason, count))
        if all(each.will is Will.UNKNOWN for each in open_ones):
            expected = expected._replace(will=Will.UNKNOWN, reason=open_ones[0].reason)
        return expected

    def _spared_all(
        self,
        step: Step,
        expected: Expectation,
        rows: Sequence[Row],
        found: Sequence[Expectation],
    ) -> Expectation:
        """No instance will run, or there is none."""
        outputs = {name: [each.outputs.get(name) for each in found] for name in step.outputs}
        items = [row.value for row in rows]
        cached = sum(each.will is Will.CACHED for each in found)
        reason = "all %d are up to date" % cached
        if cached < len(found):
            reason = "%d up to date, %d left out" % (cached, len(found) - cached)
        will, state = Will.CACHED, StepState.CACHED
        if not found:
            will, state, reason = Will.RUN, StepState.SUCCEEDED, expected.reason
        elif all(each.will is Will.SKIP for each in found):
            will, state, reason = Will.SKIP, StepState.SKIPPED, found[0].reason
        self._foresight.settle(step, state, outputs, items=items)
        return expected._replace(will=will, reason=reason)

    def _instance(
        self,
        step: Step,
        around: Place,
        number: int,
        row: Row,
        expected: Expectation,
        busy: str,
    ) -> Expectation:
        place = (*around, spellings(row.label, number))
        id = self._prefix + instance_id(step.id, row)
        left = self._circumstances.selection.left_out(place, id)
        if left is not None:
            return Expectation(Will.SKIP, left.reason, outputs=left.outputs)
        if not expected.is_good or step.cache is None or step.body is None:
            return expected
        return self._look(step, busy, instance_id(step.id, row), row.names)

    # The steps in a step

    def _look_inside(
        self, number: int, step: Step, place: Place, expected: Expectation, busy: str
    ) -> None:
        """Keep what is expected of the steps in a step; in a fan-out only the run can look."""
        graph, circumstances = self._graph.inner[number], self._circumstances
        problems: List[Problem] = []
        scopes = self._scopes_inside(step, busy)
        prefix = "%s%s/" % (self._prefix, step.id)
        foresight = Foresight(
            graph,
            scopes,
            circumstances.cache if step.fan_out is None else None,
            circumstances.force,
            self._foresight if isinstance(step.body, InnerSteps) else None,
            step.id,
            prefix,
        )
        if step.fan_out is not None:
            place = (*place, UNKNOWN)
        inside = circumstances._replace(problems=problems)
        around = self._doubt(expected)
        forecast = _Forecast(graph, scopes, inside, foresight, place, prefix, busy, around)
        self._inner[number] = forecast.outlook()
        circumstances.problems.extend(problems_inside(step, problems))
        is_idle = all(foresight.is_settled(each.id) for each in graph.order)
        if is_idle and expected.is_good and step.fan_out is None and not busy:
            with suppress(ExpressionError):  # the run will say what is wrong
                is_used = isinstance(step.body, Uses)
                outputs = scopes.outputs(foresight.view()) if is_used else _NO_NAMES
                self._foresight.settle(step, StepState.SUCCEEDED, outputs)

    def _of_handlers(
        self, used_by_key: Mapping[str, UsedGraph], path: PathParts
    ) -> Dict[str, Outlook]:
        """What is expected of the workflows that handlers use; only the run can look into them."""
        outlooks: Dict[str, Outlook] = {}
        for key, (body, graph) in used_by_key.items():
            problems: List[Problem] = []
            scopes = self._scopes.used_unknown(body.workflow)
            circumstances = Circumstances(EVERYTHING, problems, self._circumstances.notes)
            forecast = _Forecast(graph, scopes, circumstances, Foresight(graph, scopes))
            outlooks[key] = forecast.outlook()
            self._circumstances.problems.extend(problems_of_used(body, (*path, key), problems))
        return outlooks

    def _scopes_inside(self, step: Step, busy: str) -> Scopes:
        """What the expressions of the steps in a step see."""
        body, scopes = step.body, self._scopes
        if not isinstance(body, Uses):
            return scopes
        used = body.workflow
        own = (("budget", used.budget), ("notify", used.notify), ("concurrency", used.concurrency))
        ignored = [key for key, value in own if value]
        if ignored:
            about = (step.id, os.path.basename(used.path), " and ".join(ignored))
            self._circumstances.notes.append("`%s` uses %s and leaves out its %s" % about)
        is_foreseen = not all(scopes.is_known(tree, step) for tree in body.given.values())
        if is_foreseen and (busy or not self._foresight.knows(step, list(body.given.values()))):
            return scopes.used_unknown(used)
        scope = self._foresight.scope(step) if is_foreseen else scopes.early_scope(step)
        try:
            return scopes.used(step, body, scope)
        except ExpressionError as fault:
            if is_foreseen:
                return scopes.used_unknown(used)  # the run will say what is wrong
            path = ("steps", step.id, "with")
            problem = Problem(path, "expression", fault.message, fault.hint)
            self._circumstances.problems.append(problem)
            return scopes.used_unknown(used)


def _only_run_tells(busy: str) -> Expectation:
    """What is expected of a step with a cache into which nobody can look before the run."""
    return Expectation(Will.UNKNOWN, "below %s" % busy if busy else "only a run can tell")


def _by_rule(step: Step, needs: Sequence[Tuple[Need, Expectation]], scopes: Scopes) -> Expectation:
    """What is expected of a step by its needs and its `if`."""
    if asks_status(step):
        return _ask(step, scopes) or Expectation(Will.RUN, "always")
    known = [(e.result, need.when) for need, e in needs if e.result is not None]
    for need, above in needs:
        maybe = above.result is NeedResult.SUCCESS and above.will is not Will.SKIP
        if maybe and NeedResult.SUCCESS not in need.when:
            wanted = " or ".join(sorted(result.value for result in need.when))
            return Expectation(Will.UNKNOWN, "if `%s` ends as %s" % (need.step, wanted), None)
    if judge(known) is Verdict.SKIP:
        skipped = next(n.step for n, e in needs if e.result is not None and e.result not in n.when)
        return Expectation(Will.SKIP, "`%s` is skipped" % skipped, NeedResult.SKIPPED)
    asked = _ask(step, scopes)
    if asked is not None:
        return asked
    for need, above in needs:
        if above.result is None:
            return Expectation(Will.UNKNOWN, "`%s` is not known yet" % need.step, None)
        if above.may_skip and NeedResult.SKIPPED not in need.when:
            return Expectation(Will.UNKNOWN, "unless `%s` ends as skipped" % need.step, None)
    after = ", ".join(need.step for need, _ in needs[:3]) + (", …" if len(needs) > 3 else "")
    return Expectation(Will.RUN, "after " + after if needs else "no needs")


def _ask(step: Step, scopes: Scopes) -> Optional[Expectation]:
    """What the step's `if` keeps it from, None where nothing does."""
    condition = step.condition
    if condition is None:
        return None
    shown = "if: %s" % condition.source
    if not scopes.is_known(condition, step):
        return Expectation(Will.UNKNOWN, shown, None)
    try:
        scope = scopes.early_scope(step, functions={"always": lambda: True})
        holds = evaluate_condition(condition, scope)
    except ExpressionError as fault:
        return Expectation(Will.RUN, "if: %s" % fault, NeedResult.FAILURE)
    return None if holds else Expectation(Will.SKIP, shown, NeedResult.SKIPPED)
