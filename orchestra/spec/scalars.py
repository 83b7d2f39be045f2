"""What a plain word is by YAML 1.2's core rules: text, null, a bool, a number. Pure."""

from __future__ import annotations

import math
import re
from typing import Dict, Union

LONGEST_NUMBER = 100
"""More digits than this are text: no number a workflow needs is longer."""

AFTER_NUMBERS = ":"
"""Plain words that sort before this may be numbers, or are empty; no others are."""


class MergeKey:
    """The plain word `<<`, which as a key merges other mappings into its own."""


MERGE = MergeKey()


class SourceInt(int):
    """A whole number whose source text is not what `str` gives back: `0x1F`, `+1`, `0o14`."""

    source: str


class SourceFloat(float):
    """A number whose source text is not its shortest form: `3.10`, `1e3`, `.5`."""

    source: str


Plain = Union[None, bool, int, float, str, MergeKey]

WORDS: Dict[str, Plain] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
    "<<": MERGE,
}
"""Plain words that are no text.

Source: YAML 1.2.2, section 10.3.2.
"""

_NUMBER = re.compile(
    r"(?P<int>-?[1-9][0-9]*|0)"
    r"|(?P<signed>[-+]?(?:0|[1-9][0-9]*))"
    r"|(?P<based>0o[0-7]+|0x[0-9a-fA-F]+)"
    r"|(?P<float>[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)",
    re.ASCII,
)


def number_or_text(word: str) -> Union[int, float, str, None]:
    """The value of a plain word that may begin as a number does, null for an empty one.

    `012`, `1_000`, `22:30`, dates, `.inf`, `.nan` and numbers too large for a float are text.

    Source: YAML 1.2.2, section 10.3.2; left out on purpose: leading zeros, `.inf`, `.nan`.
    """
    match = _NUMBER.fullmatch(word)
    if match is None or len(word) > LONGEST_NUMBER:
        return word or None
    kind = match.lastgroup
    if kind == "int":
        return int(word)
    if kind == "float":
        return _float(word)
    number = SourceInt(int(word, 0) if kind == "based" else int(word))
    number.source = word
    return number


def text_of(value: Union[bool, int, float, str]) -> str:
    """A scalar as text: numbers as they were written, `true` and `false`."""
    if isinstance(value, str):
        return value
    if isinstance(value, (SourceInt, SourceFloat)):
        return value.source
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)


def _float(word: str) -> Union[float, str]:
    value = float(word)
    if math.isinf(value):
        return word
    if repr(value) == word:
        return value
    number = SourceFloat(value)
    number.source = word
    return number
