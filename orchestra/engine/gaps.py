"""What is missing in what was given to a run in virtual time, and what steps of it leave. Pure."""

from __future__ import annotations

from typing import Any, Callable, Dict, FrozenSet, List, Mapping, NamedTuple, Sequence, Tuple

from orchestra.engine.ports import Written
from orchestra.errors import PathParts
from orchestra.model.expression import Value
from orchestra.model.scenario import Course, Result
from orchestra.model.workflow import Step

WriteOutputs = Callable[[Step, Result], Written]
"""What an attempt with this result leaves; its `problems` are faults of what was given."""

_MOST = 20
_EXAMPLE_BY_TYPE = {
    "string": "some text",
    "int": "3",
    "float": "0.5",
    "bool": "true",
    "json": "[a, b]",
}


class Gap(NamedTuple):
    """Something that is missing in what was given, or cannot be; `path` leads to what was given."""

    step: str
    message: str
    suggestion: str
    path: PathParts = ()


class GivenOutputs(Dict[str, Any]):
    """Outputs of a step, which says so to `on_asked` when one is looked up that nobody gave."""

    def __init__(
        self, given: Mapping[str, Value], missing: Sequence[str], on_asked: Callable[[str], None]
    ) -> None:
        super().__init__(given)
        self._missing = frozenset(missing)
        self._on_asked = on_asked

    def __missing__(self, name: str) -> Value:
        if name in self._missing:
            self._on_asked(name)
        raise KeyError(name)


class Gaps:
    """Gathers what is missing, each thing once.

    `named` are the outputs that expressions of the workflow name, by the ids of their steps among
    their siblings.
    """

    def __init__(self, write: WriteOutputs, named: Mapping[str, FrozenSet[str]]) -> None:
        self._write = write
        self._named = named
        self._gap_by_what: Dict[Tuple[str, str], Gap] = {}

    def all(self) -> List[Gap]:
        """The first ones."""
        return list(self._gap_by_what.values())[:_MOST]

    def note(self, step: str, message: str, hint: str, path: PathParts) -> None:
        """Something is missing."""
        self._gap_by_what.setdefault((step, message), Gap(step, message, hint, path))

    def note_endless(self, step: str, result: Result) -> None:
        """An attempt waits to be asked to end, and nothing else is to come."""
        message = "`%s` never ends: nothing asks it to" % step
        hint = "give it a `timeout` in the workflow, or write `stop_at` under `given`"
        self.note(step, message, hint, result.path)

    def written(self, step: Step, result: Result, id: str) -> Written:
        """What an attempt leaves, with outputs that tell when one is asked for that is missing."""
        written = self._write(step, result)
        for problem in written.problems:
            hint = "the workflow says what type it has"
            self.note(id, "`%s`: %s" % (id, problem), hint, result.path)
        written = written._replace(problems=())
        missing = [name for name in step.outputs if name not in written.outputs]
        if not missing:
            return written

        def on_asked(name: str) -> None:
            message = "`%s` has no output `%s` here, and an expression asks for it" % (id, name)
            hint = "write `%s: {outputs: {%s: %s}}` under `given.steps`"
            about = (_key(id), name, _EXAMPLE_BY_TYPE[step.outputs[name].value])
            self.note(id, message, hint % about, result.path)

        if id.endswith("]") and result.course is Course.SUCCESS and not result.exit_code:
            # who asks for a list of the outputs of all instances cannot be seen to
            for name in missing:
                if name in self._named.get(_local(id), ()):
                    on_asked(name)
        return written._replace(outputs=GivenOutputs(written.outputs, missing, on_asked))


def _key(id: str) -> str:
    """The id as a key of YAML."""
    return '"%s"' % id if "[" in id or id.startswith(":") else id


def _local(id: str) -> str:
    """The id of an instance's step among its siblings."""
    return id[: id.rindex("[")].rpartition("/")[2]
