"""Whether a step will be spared by an earlier success, as far as a plan can know. Starts nothing.

What a step depends on is known before the run only where nothing above it will run.
"""

from __future__ import annotations

from typing import Dict, Generator, List, Mapping, Optional, Sequence, TypeVar

from orchestra.engine.caching import Cache, Finding, Question
from orchestra.engine.fanout import Row, rows_of, trees_of
from orchestra.engine.graph import Graph, reached
from orchestra.engine.holders import step_expressions
from orchestra.engine.scope import Scopes
from orchestra.engine.views import StepsView
from orchestra.model.expression import FILE_FUNCTIONS, ExpressionError, Scope, Tree, Value
from orchestra.model.run import StepState
from orchestra.model.workflow import FanOut, NeedResult, Step

_DECIDING = frozenset(["run", "command", "python", "env", "working_dir", "cache"])

_KNOWN_TOO = FILE_FUNCTIONS | {"steps"}
"""What is known where nothing above will run, and files may be read."""

_STEPS = frozenset(["steps"])

_NO_NAMES: Mapping[str, Value] = {}

Answer = TypeVar("Answer")


class Foresight:
    """Asks the cache for the plan of one graph. `settle` tells it of the steps that will not run.

    Without a cache, as for a run that asks for itself, nothing is known. `outer` is that of the
    steps around, if they are in sight; `prefix` stands before the ids of the steps in the record.
    """

    def __init__(
        self,
        graph: Graph,
        scopes: Scopes,
        cache: Optional[Cache] = None,
        force: bool = False,
        outer: Optional[Foresight] = None,
        within: str = "",
        prefix: str = "",
    ) -> None:
        self._graph = graph
        self._number_by_id = {step.id: number for number, step in enumerate(graph.order)}
        self._scopes = scopes
        self._outer = outer
        self._within = within
        self._prefix = prefix
        self._facts_by_step: Dict[str, Mapping[str, Value]] = {}
        self.cache = cache
        self.force = force

    def settle(
        self,
        step: Step,
        state: StepState,
        outputs: Mapping[str, Value] = _NO_NAMES,
        result: NeedResult = NeedResult.SUCCESS,
        items: Optional[Sequence[Value]] = None,
    ) -> None:
        """The step is known to end so without running anything, with these outputs."""
        facts: Dict[str, Value] = {
            "result": result.value,
            "state": state.value,
            "exit_code": None,
            "duration": None,
            "outputs": outputs,
        }
        self._facts_by_step[step.id] = facts if items is None else {**facts, "items": list(items)}

    def is_settled(self, step: str) -> bool:
        """Whether the step is known not to run."""
        return step in self._facts_by_step

    def knows(self, step: Step, trees: Sequence[Tree]) -> bool:
        """Whether these, which stand in a step that needs nothing that will run, can be told."""
        also = _KNOWN_TOO if self.cache is not None else _STEPS
        return all(self._scopes.is_known(tree, step, also) for tree in trees)

    def rows(self, step: Step, fan_out: FanOut) -> Optional[List[Row]]:
        """The instances of a step that needs nothing that will run; None where it cannot tell."""
        if not self.knows(step, trees_of(fan_out)):
            return None
        try:
            return rows_of(fan_out, self.scope(step))
        except ExpressionError:
            return None  # the run will say what is wrong

    def look(
        self, step: Step, id: str = "", names: Mapping[str, Value] = _NO_NAMES
    ) -> Optional[Finding]:
        """What the cache says of a step that needs nothing that will run; None where it cannot.

        `id` is that of an instance, `names` are those that it alone sees.
        """
        if self.cache is None:
            return None
        also = _KNOWN_TOO.union(names, ["secrets"])
        if not self._scopes.is_env_known(step, also):
            return None
        for path, holder in step_expressions(step):
            if path[0] in _DECIDING and not self._scopes.is_known(holder, step, also):
                return None
        asked = step._replace(id=self._prefix + (id or step.id))
        view = StepsView(self, step.id)
        scope = self._scopes.veiled_scope(step, view, names)
        env = self._scopes.lasting_env(step, view, names)
        question = Question(asked, scope, env, self._scopes.folder, self.force)
        return _whole(self.cache.check(question))

    def view(self) -> StepsView:
        """What is known of all steps of the graph."""
        return StepsView(self, "")

    def facts(self, step: str) -> Mapping[str, Value]:
        """What `steps.ID` shows of a step that is settled; nothing of any other."""
        if self._outer is not None and step not in self._number_by_id:
            return self._outer.facts(step)
        return self._facts_by_step.get(step, {})

    def above(self, step: str) -> List[str]:
        """The ids of all steps above one, those around it last; "" is below all."""
        if not step:
            return list(self._number_by_id)
        start = {self._number_by_id[step]}
        above = sorted(reached(start, self._graph.needs) - start)
        ids = [self._graph.order[number].id for number in above]
        if self._outer is not None:
            ids += [id for id in self._outer.above(self._within) if id not in self._number_by_id]
        return ids

    def scope(self, step: Step, names: Mapping[str, Value] = _NO_NAMES) -> Scope:
        """What the expressions of a step see that needs nothing that will run."""
        return self._scopes.early_scope(step, StepsView(self, step.id), names=names)


def _whole(work: Generator[None, None, Answer]) -> Answer:
    """The answer of work that is done in one go."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            answer: Answer = done.value
            return answer
