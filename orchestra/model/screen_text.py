"""Untrusted text made safe for a terminal. Pure.

What it gives back holds no control, no direction override, no lone surrogate and nothing that XML
has no way to say: it cannot move the cursor, hide what stands before it, or fail to be encoded.
"""

from __future__ import annotations

import re
from typing import List

_UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200d-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    r"\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)
_COLOUR = re.compile("\x1b\\[[0-9;:]*m")
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r", "\x1b": "\\e", "\u200d": ""}
_LONGEST_LINE = 4000


def safe_line(text: str) -> str:
    r"""The text as one line, with each control, direction override or lone surrogate spelled out.

    A line feed becomes `\n`, an escape `\e`, others `\x9b`, `\u202e`, `\U000e0041`. What joins
    pictures to one is left out: terminals do not agree on the cells that such a picture takes.
    """
    if text.isprintable():
        return text
    return _UNSAFE.sub(_spell, text)


def output_lines(data: bytes) -> List[str]:
    """The lines of a step's output, each safe to show.

    Bytes that are no UTF-8 are spelled out; colours (and only complete colour sequences) are
    dropped; tabs become blanks; a bare carriage return ends a line as a line feed does, so that
    what it would have overwritten stays to be seen. Very long lines are cut, saying by how much.
    """
    text = data.decode("utf-8", "backslashreplace")
    if "\x1b" in text:
        text = _COLOUR.sub("", text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return [_output_line(line) for line in lines]


def _output_line(line: str) -> str:
    if len(line) > _LONGEST_LINE:
        left_out = len(line) - _LONGEST_LINE
        line = "%s… (%d more characters)" % (line[:_LONGEST_LINE], left_out)
    return line if line.isprintable() else safe_line(line.expandtabs())


def _spell(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    if code < 0x100:
        return "\\x%02x" % code
    return "\\u%04x" % code if code < 0x10000 else "\\U%08x" % code
