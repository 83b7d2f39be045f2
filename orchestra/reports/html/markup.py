"""Values as HTML: every text from outside goes through here. Pure."""

from __future__ import annotations

from html import escape
from urllib.parse import quote

from orchestra.model.look import Look, state_word
from orchestra.model.run import StepState
from orchestra.model.screen_text import safe_line

_LOOK = Look()


def text(value: str, most: int = 400) -> str:
    """A value as one line of plain text, cut after so many characters."""
    cut = "%s…" % value[:most] if len(value) > most else value
    return escape(safe_line(cut))


def state(value: StepState) -> str:
    """A state as its mark and its word."""
    return '<span class="state %s"><b>%s</b> %s</span>' % (
        value.value,
        _LOOK.mark(value),
        state_word(value),
    )


def href(path: str) -> str:
    """A relative or absolute path as the target of a link, never one with a scheme."""
    quoted = quote(path.encode("utf-8", "surrogateescape"))
    return escape(quoted if quoted.startswith(("/", ".")) else "./" + quoted)
