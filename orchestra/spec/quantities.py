"""Durations, sizes and amounts of a workflow as numbers, with what is wrong with them. Pure."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Union

from orchestra.errors import PathParts
from orchestra.model.expression import Template
from orchestra.model.units import parse_amount, parse_duration
from orchestra.spec.findings import Findings
from orchestra.spec.references import IN_STEP, Where
from orchestra.spec.texts import OPEN, Texts

_LARGEST_FACTOR = 1000


class Quantities:
    """Reads quantities that have the right form by the schema."""

    def __init__(self, texts: Texts, findings: Findings, where: Where = IN_STEP) -> None:
        self._texts = texts
        self._findings = findings
        self._where = where

    def duration(self, value: Any, path: PathParts) -> float:
        """Seconds."""
        try:
            return parse_duration(_plain(value))
        except ValueError:
            self._findings.error(path, "too-large", "a duration is at most ten years")
            return 0.0

    def timeout(self, value: Any, path: PathParts) -> float:
        """Seconds, more than none."""
        seconds = self.duration(value, path)
        if seconds <= 0 and not self._is_blamed(path):
            message = "a timeout of 0 leaves no time to run"
            self._findings.error(path, "no-time", message, "leave `timeout` out for no limit")
        return seconds

    def step_timeout(self, value: Any, path: PathParts) -> Union[float, Template]:
        """Seconds, or what gives them once the step starts."""
        if isinstance(value, str) and OPEN in value:
            return self._texts.template(value, path, self._where)
        return self.timeout(value, path)

    def amounts(self, values: Mapping[str, Any], path: PathParts) -> Dict[str, int]:
        """Amounts by resource, in the units of `Amounts`."""
        read = {name: self._amount(name, value, (*path, name)) for name, value in values.items()}
        return {name: amount for name, amount in read.items() if amount is not None}

    def demands(self, values: Mapping[str, Any], path: PathParts) -> Dict[str, Any]:
        """As `amounts`, with templates where an expression stands."""
        read: Dict[str, Any] = {}
        for name, value in values.items():
            if isinstance(value, str) and OPEN in value:
                read[name] = self._texts.template(value, (*path, name), IN_STEP)
            else:
                amount = self._amount(name, value, (*path, name))
                read.update({} if amount is None else {name: amount})
        return read

    def factors(self, values: Mapping[str, Any], path: PathParts) -> Dict[str, float]:
        """Factors by resource, such as `x2`."""
        read = {name: float(value[1:]) for name, value in values.items()}
        for name, factor in read.items():
            if not 1 <= factor <= _LARGEST_FACTOR:
                message = "a factor is from x1 to x%d" % _LARGEST_FACTOR
                self._findings.error((*path, name), "factor", message)
        return read

    def _amount(self, name: str, value: Any, path: PathParts) -> Optional[int]:
        try:
            return parse_amount(name, _plain(value))
        except ValueError:
            self._findings.error(path, "too-large", "this is no amount of `%s`" % name)
            return None

    def _is_blamed(self, path: PathParts) -> bool:
        return any(problem.path == path for problem in self._findings.problems[-1:])


def _plain(value: Any) -> str:
    """The value without what its source added: `0x10` as `16`, `2.0` as it is."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and not value.is_integer():
        return "%.9f" % value
    return str(int(value))
