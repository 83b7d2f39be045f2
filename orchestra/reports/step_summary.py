"""A run as Markdown for the page of a CI job (`$GITHUB_STEP_SUMMARY`). Pure but for the append."""

from __future__ import annotations

import os
import re
from typing import List

from orchestra.model.look import ENDED_STATES, Look, count_words, state_word
from orchestra.model.run import RunRecord, StepRecord, StepState
from orchestra.model.screen_text import safe_line
from orchestra.model.units import format_duration

_MOST_ROWS = 200
_SPECIAL = re.compile(r"[\\`*_{}\[\]<>()#!|~&@$:]")
_MARKS = Look()


def render_step_summary(record: RunRecord) -> str:
    """A heading, the counts and a table; at most 200 rows, the failed steps first.

    Everything a file or a step could have chosen is escaped: no Markdown, no HTML, no mention.
    """
    counts = ", ".join(count_words(record.counts, *ENDED_STATES)) or "no steps"
    elapsed = "" if record.elapsed_s is None else " in %s" % format_duration(record.elapsed_s)
    steps = sorted(record.in_order(), key=lambda s: s.state is not StepState.FAILED)
    lines: List[str] = [
        "### %s %s" % (_escape(record.workflow), record.state.value),
        "",
        "%s%s" % (counts, elapsed),
        "",
        "| step | state | time | attempts | why |",
        "| --- | --- | ---: | ---: | --- |",
    ]
    lines += [_row(step) for step in steps[:_MOST_ROWS]]
    if len(steps) > _MOST_ROWS:
        lines += ["", "… and %d more steps" % (len(steps) - _MOST_ROWS)]
    return "\n".join(lines) + "\n\n"


def append_step_summary(path: str, text: str) -> None:
    """Add the text to the file that the CI shows.

    Raises:
        OSError: it cannot be written.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    with open(os.open(path, flags, 0o666), "wb") as file:
        file.write(text.encode("utf-8", "backslashreplace"))


def _row(step: StepRecord) -> str:
    duration = "" if step.duration_s is None else format_duration(step.duration_s)
    cells = (
        _escape(step.id),
        "%s %s" % (_MARKS.mark(step.state), state_word(step.state)),
        duration,
        str(len(step.attempts) or ""),
        _escape(step.reason),
    )
    return "| %s |" % " | ".join(cells)


def _escape(text: str) -> str:
    return _SPECIAL.sub(lambda match: "&#%d;" % ord(match.group()), safe_line(text)[:500])
