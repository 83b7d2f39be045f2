"""What `env` and `steps` stand for in an expression: looked up when asked. Pure over given data."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Callable, FrozenSet, Iterator, List, Mapping, Protocol, Tuple, Union

from orchestra.model.expression import ExpressionError, Value


class EnvView(Mapping[str, Any]):
    """The environment a step will get: the layers of the file over what it inherits.

    The variables `hidden` may hold secrets, and cannot be looked up.
    """

    def __init__(
        self,
        layers: Mapping[str, str],
        inherited: Mapping[str, str],
        inherit: Union[bool, Tuple[str, ...]],
        hidden: FrozenSet[str] = frozenset(),
    ) -> None:
        self._layers = layers
        self._inherited = inherited
        self._inherit = inherit
        self._hidden = hidden

    def __repr__(self) -> str:
        return "<EnvView>"

    def revealed(self) -> EnvView:
        """The same with nothing hidden."""
        return EnvView(self._layers, self._inherited, self._inherit)

    def __getitem__(self, name: str) -> str:
        if name in self._hidden:
            raise ExpressionError(
                "`env.%s` may hold a secret" % name, hint="only `env`, `run` and `with` can use it"
            )
        if name in self._layers:
            return self._layers[name]
        if self._inherit is True or (self._inherit and name in self._inherit):
            return self._inherited[name]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        yield from self._layers
        for name in self._inherited:
            if name not in self._layers and (
                self._inherit is True or (self._inherit and name in self._inherit)
            ):
                yield name

    def __len__(self) -> int:
        return sum(1 for _ in self)


class LateLayers(Mapping[str, str]):
    """The layers of the file for a step, evaluated when something first looks into them."""

    def __init__(self, evaluate: Callable[[], Mapping[str, str]]) -> None:
        self._evaluate = evaluate

    @cached_property
    def _layers(self) -> Mapping[str, str]:
        return self._evaluate()

    def __getitem__(self, name: str) -> str:
        return self._layers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)


class Results(Protocol):
    """What is known of the steps of a run that have ended."""

    def facts(self, step: str) -> Mapping[str, Value]:
        """`{result, state, exit_code, duration, outputs}` of a step, by its id."""

    def above(self, step: str) -> List[str]:
        """The ids of all steps above one, nearest first."""


class StepsView(Mapping[str, Any]):
    """`steps.…` for one step: any ended step by its id; walking it gives the steps above only."""

    def __init__(self, results: Results, step: str) -> None:
        self._results = results
        self._step = step

    def __getitem__(self, step: str) -> Mapping[str, Value]:
        return self._results.facts(step)

    def __iter__(self) -> Iterator[str]:
        return iter(self._results.above(self._step))

    def __len__(self) -> int:
        return len(self._results.above(self._step))
