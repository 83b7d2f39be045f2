"""What YAML's parsers complain about, in words for the author of a workflow. Pure."""

from __future__ import annotations

from typing import NamedTuple, Optional, Sequence

QUOTE_EXPRESSION = 'inside { } and [ ] write it in quotes: "${{ … }}"'
"""What to do where YAML takes an expression for a mapping."""


class Words(NamedTuple):
    """A complaint at character `at`: what is wrong, what to do, a further character to show."""

    at: int
    message: str
    suggestion: str = ""
    related: Optional[int] = None


_LONGEST_KEY = 1024
_NOT_PART = "this does not belong to the value before it"
QUOTE_TAG = "put a text that begins with `!` in quotes; in an expression write `not`"
"""What to do where YAML takes a `!` for a tag."""


_STARTS = {
    "\t": ("a tab cannot indent or begin a value", "indent with spaces"),
    "`": ("a backquote cannot begin a value", "put the text in quotes"),
    "@": ("`@` cannot begin a value", "put the text in quotes"),
    "%": ("`%` cannot begin a value", "put the text in quotes"),
}

_COMPLAINTS = (
    (
        "mapping values are not allowed",
        "a `: ` is not expected here",
        "put a text that holds `: ` in quotes, or check the indentation",
    ),
    (
        "sequence entries are not allowed",
        "a list item is not expected here",
        "begin the list on the next line, or put the text in quotes",
    ),
    (
        "mapping keys are not allowed",
        "a `? ` is not expected here",
        "put the text in quotes, or check the indentation",
    ),
    (
        "could not find expected ':'",
        "this line is no `key: value`",
        "add the `:`, or indent the line so that it belongs to the value above",
    ),
    ("',' or '}'", "a `{` is not closed, or a comma is missing", "close it with `}`"),
    ("',' or ']'", "a `[` is not closed, or a comma is missing", "close it with `]`"),
    (
        "did not find expected key",
        "this line does not line up with the keys above it",
        "give the keys of one mapping the same indentation",
    ),
    (
        "did not find expected '-' indicator",
        "this line does not line up with the list items above it",
        "give the items of one list the same indentation",
    ),
    (
        "expected <block end>",
        "this line does not line up with the lines above it",
        "give the keys of one mapping the same indentation",
    ),
    ("unexpected end of stream", "a quote is opened and never closed", "close the quote"),
    ("unexpected document", "a quote is still open at `---`", "close the quote"),
    (
        "unknown escape character",
        "this escape is not known in double quotes",
        "write a backslash as \\\\, or use single quotes",
    ),
    (
        "hexdecimal",
        "this escape needs more hexadecimal digits",
        "write a backslash as \\\\, or use single quotes",
    ),
    (
        "hexadecimal",
        "this escape needs more hexadecimal digits",
        "write a backslash as \\\\, or use single quotes",
    ),
    (
        "invalid Unicode character escape",
        "this escape names no character",
        "use an escape of a whole character",
    ),
    ("tab character", "a tab cannot indent", "indent with spaces"),
    ("indentation indicator", "an indentation indicator goes from 1 to 9", ""),
    (
        "comment or line break",
        "text cannot follow `|` or `>` on the same line",
        "begin the text on the next line",
    ),
    ("incompatible YAML document", "this YAML version is not known", "remove the %YAML line"),
    ("<document start>", _NOT_PART, "check the indentation"),
    ("node content", "a value is missing or not expected here", ""),
    ("flow node", "a value is missing or not expected here", ""),
)


def explain(problem: str, context: str, marks: Sequence[int], text: str) -> Words:
    """The parser's `problem` while it did `context`, in plain words.

    `marks` are the characters it blames: where the problem is, and where the context begins.
    """
    index, begin = marks[0], marks[-1]
    if text.startswith("{{", index) and text[index - 1 : index] == "$":
        return Words(index - 1, "YAML takes this `${{ … }}` for a nested mapping", QUOTE_EXPRESSION)
    if "cannot start any token" in problem:
        start = _STARTS.get(text[index : index + 1])
        return Words(index, *(start or ("this character cannot begin a value", "quote the text")))
    if "alphabetic or numeric" in problem:
        return _name_missing(context, index, text)
    if "directive" in context:
        return Words(begin, "this `%` line cannot be read", "remove it, or put the text in quotes")
    if "tag" in context or "tag" in problem:
        return Words(index, "tags are not used in workflow files", QUOTE_TAG)
    if "mapping values" in problem and index - text.rfind("\n", 0, index) > _LONGEST_KEY:
        message = "a key is at most %d characters long and stands on one line" % _LONGEST_KEY
        return Words(index, message, "put a text that holds `: ` in quotes")
    for fragment, message, suggestion in _COMPLAINTS:
        if fragment in problem:
            if "line up" in message and text[text.rfind("\n", 0, index) + 1 : index].strip():
                return Words(index, _NOT_PART, "put the whole text in quotes")
            if "quoted scalar" in context or "simple key" in context:
                return Words(index if "escape" in message else begin, message, suggestion)
            related = begin if "flow" in context and begin != index else None
            return Words(index, message, suggestion, related)
    return Words(index, "this is no YAML: %s" % (problem or context or "cannot be read"))


def _name_missing(context: str, index: int, text: str) -> Words:
    sign = "*" if "alias" in context else "&"
    start = text.rfind(sign, 0, index + 1)
    return Words(
        start if start >= 0 else index,
        "a text cannot begin with `%s` unless it is in quotes" % sign,
        "put the text in quotes",
    )
