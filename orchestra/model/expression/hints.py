"""What to write instead: hints for words, signs and names of other languages. Pure."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Iterable, Mapping

HINT_BY_WRONG_SIGN: Mapping[str, str] = {
    "===": "write ==",
    "!==": "write !=",
    "<>": "write !=",
    "=": "write == to compare",
    "!": "write not",
    "&&": "write and",
    "&": "write and",
    "||": "write or",
    "|": "write or; a function is called as upper(x)",
    "?": "write a if condition else b",
    "**": "there is no power; multiply",
    "$": "a name stands alone here, as in params.x",
}
"""For signs that are not part of the language."""

HINT_BY_SIGN: Mapping[str, str] = {
    ".": "a name follows the dot, without a space",
    ":": "there are no slices",
}
"""For signs that are, where they cannot stand."""

HINT_BY_WORD: Mapping[str, str] = {
    "True": "write true",
    "False": "write false",
    "None": "write null",
    "is": "write == or !=",
    "for": "there are no loops; a step with foreach has one",
    "AND": "write and",
    "OR": "write or",
    "NOT": "write not",
    "then": "write a if condition else b",
    "elif": "write a if condition else b if other else c",
}
"""For names where none can stand."""

_HINT_BY_CALL: Mapping[str, str] = {
    "str": "a value becomes text by itself inside text; format('{}', x) makes one here",
    "int": "from_json(x) reads a number",
    "float": "from_json(x) reads a number",
    "bool": "compare the value: x != ''",
    "length": "did you mean len?",
    "strip": "did you mean trim?",
}

_LONGEST_NAME = 40


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that was perhaps meant, or nothing: `toJSON`, `startswith`, `uper`."""
    names = list(known)
    plain = name.replace("_", "").lower()
    for candidate in names:
        if candidate.replace("_", "").lower() == plain:
            return candidate
    return next(iter(get_close_matches(name[:_LONGEST_NAME], names, 1)), "")


def hint_for_call(name: str, functions: Iterable[str]) -> str:
    """What to call instead of a function that does not exist."""
    if name in _HINT_BY_CALL:
        return _HINT_BY_CALL[name]
    meant = nearest(name, functions)
    return "did you mean %s?" % meant if meant else ""


def hint_for_method(name: str, functions: Iterable[str]) -> str:
    """What to write instead of `x.name()`."""
    meant = nearest(name, functions)
    return "values have no methods" + (": write %s(x)" % meant if meant else "")
