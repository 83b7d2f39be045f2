"""Untrusted text in Markdown: no markup of its own, no HTML, no mention, one line. Pure."""

from __future__ import annotations

import re

from orchestra.model.screen_text import safe_line

_SPECIAL = re.compile(r"[\\`*_{}\[\]<>()#!|~&@$:]")
_MOST_CHARACTERS = 500


def escape(text: str) -> str:
    """The text as it is to be read, at most its first 500 characters."""
    shown = safe_line(text)[:_MOST_CHARACTERS]
    return _SPECIAL.sub(lambda match: "&#%d;" % ord(match.group()), shown)
