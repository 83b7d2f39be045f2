"""YAML bytes as parser events, by PyYAML's C parser or, without libyaml, by its pure one.

No data is built here. Every exception the parsers are known to raise becomes a `Blemish`.
"""

from __future__ import annotations

import re
from typing import Any, Iterator, NamedTuple, Optional

import yaml

from orchestra.spec import syntax

HAS_LIBYAML: bool = getattr(yaml, "__with_libyaml__", False)
"""Whether PyYAML was built with the C parser."""

_UNREADABLE = re.compile(
    "[^\x09\x0a\x0d\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)


class Blemish(NamedTuple):
    """What is wrong at character `at` of a file; `related` is a further one to show."""

    at: int
    code: str
    message: str
    suggestion: str = ""
    related: Optional[int] = None


class UnreadableError(Exception):
    """The file cannot be read beyond this blemish."""

    def __init__(self, blemish: Blemish) -> None:
        super().__init__(blemish.message)
        self.blemish = blemish


def parse(data: bytes, pure: bool = False) -> Iterator[Any]:
    """The events of `data`, which is UTF-8 without a byte order mark.

    Raises:
        yaml.YAMLError, ValueError, OverflowError: while iterating, where the text is no YAML.
    """
    if HAS_LIBYAML and not pure:
        return iter(yaml.CSafeLoader(data).get_event, None)
    return _pure_events(data)


def blemish_of(error: Exception, data: bytes) -> Blemish:
    """Words what a parser raised, at the place it blames."""
    text = data.decode("utf-8", "replace")
    if isinstance(error, yaml.MarkedYAMLError):
        marks = [mark.index for mark in (error.problem_mark, error.context_mark) if mark]
        words = syntax.explain(error.problem or "", error.context or "", marks or [0], text)
        return Blemish(words.at, "yaml", words.message, words.suggestion, words.related)
    bad = _UNREADABLE.search(text)
    if bad:
        return Blemish(
            bad.start(),
            "control-character",
            "the character U+%04X cannot stand in a workflow file" % ord(bad.group()),
            'write it as an escape in double quotes: "\\x%02x"' % ord(bad.group())
            if ord(bad.group()) < 256
            else "remove it",
        )
    return Blemish(0, "yaml", "this cannot be read as YAML")


def _pure_events(data: bytes) -> Iterator[Any]:
    loader: Any = yaml.SafeLoader(data)
    for event in iter(loader.get_event, None):
        if _is_torn(getattr(event, "value", "")):
            problem = "found invalid Unicode character escape code"
            raise yaml.MarkedYAMLError(None, None, problem, event.start_mark)
        yield event


def _is_torn(value: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in value)
