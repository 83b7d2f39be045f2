"""Whether a step will be spared by an earlier success, as far as a plan can know. Starts nothing.

What a step depends on is known before the run only where nothing above it will run.
"""

from __future__ import annotations

from typing import Dict, Generator, List, Mapping, Optional, TypeVar

from orchestra.engine.graph import Graph, reached, step_expressions
from orchestra.engine.ports import Cache, Finding, Question
from orchestra.engine.scope import Scopes, StepsView
from orchestra.model.expression import FILE_FUNCTIONS, Value
from orchestra.model.run import StepState
from orchestra.model.workflow import NeedResult, Step

_DECIDING = frozenset(["run", "command", "python", "env", "working_dir", "cache"])

_KNOWN_TOO = FILE_FUNCTIONS | {"steps"}
"""What is known where nothing above will run, and files may be read."""

Answer = TypeVar("Answer")


class Foresight:
    """Asks the cache for a plan. `settle` tells it of the steps that will not run, in order.

    Without a cache, as for a run that asks for itself, nothing is known.
    """

    def __init__(
        self, graph: Graph, scopes: Scopes, cache: Optional[Cache] = None, force: bool = False
    ) -> None:
        self._graph = graph
        self._number_by_id = {step.id: number for number, step in enumerate(graph.order)}
        self._scopes = scopes
        self._cache = cache
        self.force = force
        self._facts_by_step: Dict[str, Mapping[str, Value]] = {}

    def settle(
        self,
        step: Step,
        state: StepState,
        outputs: Mapping[str, Value] = {},
        result: NeedResult = NeedResult.SUCCESS,
    ) -> None:
        """The step is known to end so without running anything, with these outputs."""
        self._facts_by_step[step.id] = {
            "result": result.value,
            "state": state.value,
            "exit_code": None,
            "duration": None,
            "outputs": outputs,
        }

    def is_settled(self, step: str) -> bool:
        """Whether the step is known not to run."""
        return step in self._facts_by_step

    def look(self, step: Step) -> Optional[Finding]:
        """What the cache says of a step that needs nothing that will run; None where it cannot."""
        if self._cache is None:
            return None
        if step.cache and step.cache.env and not self._scopes.is_env_known(step, _KNOWN_TOO):
            return None
        for path, holder in step_expressions(step):
            known = self._scopes.is_known(holder, step, _KNOWN_TOO)
            if path[0] in _DECIDING and not known:
                return None
        scope = self._scopes.early_scope(step, StepsView(self, step.id))
        return _whole(self._cache.check(Question(step, scope, self.force)))

    def facts(self, step: str) -> Mapping[str, Value]:
        """What `steps.ID` shows of a step that is settled; nothing of any other."""
        return self._facts_by_step.get(step, {})

    def above(self, step: str) -> List[str]:
        """The ids of all steps above one."""
        start = {self._number_by_id[step]}
        above = sorted(reached(start, self._graph.needs) - start)
        return [self._graph.order[number].id for number in above]


def _whole(work: Generator[None, None, Answer]) -> Answer:
    """The answer of work that is done in one go."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            answer: Answer = done.value
            return answer
