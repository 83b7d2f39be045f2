"""`matrix` and `foreach` of a step, from data that has the right form."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Tuple

from orchestra.errors import PathParts
from orchestra.model.expression import Tree
from orchestra.model.workflow import FanOut, Foreach, Matrix
from orchestra.spec.findings import Findings
from orchestra.spec.references import IN_FOREACH, IN_MATRIX
from orchestra.spec.texts import OPEN, Texts

_ROWS = ("include", "exclude")
_SPEAK_OF_INSTANCES = ("max_parallel", "fail_fast")


class FanOuts:
    """Reads how steps fan out and reports what is wrong with it."""

    def __init__(self, texts: Texts, findings: Findings) -> None:
        self._texts = texts
        self._findings = findings

    def fields(self, step: Mapping[str, Any], path: PathParts) -> Dict[str, Any]:
        """The fields of `Step` about its instances; from then on texts may use their names."""
        self._texts.enter(None, False)
        fan_out = self._fan_out(step, path)
        if fan_out is None:
            for key in _SPEAK_OF_INSTANCES:
                if key in step:
                    message = "`%s` does nothing in a step without `matrix` or `foreach`" % key
                    self._findings.warning((*path, key), "no-use", message)
            return {}
        fields: Dict[str, Any] = {"fan_out": fan_out}
        if "max_parallel" in step:
            fields["max_parallel"] = int(step["max_parallel"])
        if "fail_fast" in step:
            fields["fail_fast"] = step["fail_fast"]
        return fields

    def _fan_out(self, step: Mapping[str, Any], path: PathParts) -> Optional[FanOut]:
        if "matrix" in step and "foreach" in step:
            message = "`%s` already has `matrix`" % path[-1]
            hint = "keep one of them: a matrix can have an axis for the list"
            self._findings.error((*path, "foreach"), "two-fan-outs", message, hint, on_key=True)
        if "matrix" in step:
            matrix = self._matrix(step["matrix"], (*path, "matrix"))
            self._texts.enter(axes_of(step["matrix"]), False)
            return matrix
        if "foreach" in step:
            place = (*path, "foreach")
            self._texts.refuse_long_floats(step["foreach"], place)
            self._check_listed(step["foreach"], place)
            items = self._texts.tree(step["foreach"], place, IN_FOREACH)
            self._texts.enter(None, True)
            return Foreach(items)
        return None

    def _matrix(self, data: Mapping[str, Any], path: PathParts) -> Matrix:
        self._texts.refuse_long_floats(data, path)
        trees: Dict[str, Tree] = {}
        for key, value in data.items():
            self._check_listed(value, (*path, key))
            trees[key] = self._texts.tree(value, (*path, key), IN_MATRIX)
        include, exclude = (trees.pop(key, None) for key in _ROWS)
        if not trees and not include:
            message = "this matrix has neither an axis nor a row to include"
            self._findings.error(path, "empty-matrix", message, "give it an axis: a list of values")
        return Matrix(trees, include, exclude)

    def _check_listed(self, value: Any, path: PathParts) -> None:
        if isinstance(value, str) and OPEN not in value:
            message = "this is text, and a list or an expression is wanted"
            hint = "write [%s], or ${{ %s }} for what it stands for" % (value, value)
            self._findings.error(path, "type", message, hint)


def axes_of(matrix: Any) -> Tuple[str, ...]:
    """The names of a matrix's axes, those that only rows to include have at the end."""
    if not isinstance(matrix, dict):
        return ()
    names: List[str] = [key for key in matrix if key not in _ROWS]
    rows = matrix.get("include")
    for row in rows if isinstance(rows, list) else ():
        names.extend(key for key in row if isinstance(row, dict))
    return tuple(dict.fromkeys(names))
