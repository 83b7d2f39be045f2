"""A run as Markdown for the page of a CI job (`$GITHUB_STEP_SUMMARY`). Pure but for the append."""

from __future__ import annotations

import os
from typing import Callable, List, Optional

from orchestra.model.look import Look, count_words, state_word
from orchestra.model.run import ENDED_STATES, RunRecord, StepRecord, StepState
from orchestra.model.units import format_duration
from orchestra.reports.markdown_text import escape

_MOST_ROWS = 200
_MOST_BYTES = 1_000_000
_MARKS = Look()


def render_step_summary(record: RunRecord, read: Optional[Callable[[str, int], str]] = None) -> str:
    """A heading, the counts and a table, at most 200 rows, the failed steps first; then summaries.

    Everything a file or a step could have chosen is escaped: no Markdown, no HTML, no mention.
    Only what a step wrote to its own summary, which `read` gives by path and most bytes, is as it
    is. In all there is no more than the CI takes.
    """
    counts = ", ".join(count_words(record.counts, *ENDED_STATES)) or "no steps"
    elapsed = "" if record.elapsed_s is None else " in %s" % format_duration(record.elapsed_s)
    steps = sorted(record.in_order(), key=lambda s: s.state is not StepState.FAILED)
    lines: List[str] = [
        "### %s %s" % (escape(record.workflow), record.state.value),
        "",
        "%s%s" % (counts, elapsed),
        "",
        "| step | state | time | attempts | why |",
        "| --- | --- | ---: | ---: | --- |",
    ]
    lines += [_row(step) for step in steps[:_MOST_ROWS]]
    if len(steps) > _MOST_ROWS:
        lines += ["", "… and %d more steps" % (len(steps) - _MOST_ROWS)]
    text = "\n".join(lines) + "\n\n"
    return text if read is None else text + _summaries(record, read, _MOST_BYTES - len(text) * 4)


def append_step_summary(path: str, text: str) -> None:
    """Add the text to the file that the CI shows.

    Raises:
        OSError: it cannot be written.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    with open(os.open(path, flags, 0o666), "wb") as file:
        file.write(text.encode("utf-8", "backslashreplace"))


def _summaries(record: RunRecord, read: Callable[[str, int], str], room: int) -> str:
    """What the last attempt of each step wrote, in plan order, as far as there is room."""
    parts: List[str] = []
    left_out = 0
    for step in record.step_by_id.values():
        last = step.attempts[-1] if step.attempts else None
        if last is None or last.summary is None:
            continue
        if last.summary_bytes > room:
            left_out += 1
            continue
        text = read(last.summary, last.summary_bytes).strip("\n")
        parts.append("#### %s\n\n%s\n\n" % (escape(step.id), text))
        room -= last.summary_bytes + 1000
    if left_out:
        parts.append("… and %d more, too large for this page\n\n" % left_out)
    return "".join(parts)


def _row(step: StepRecord) -> str:
    duration = "" if step.duration_s is None else format_duration(step.duration_s)
    cells = (
        escape(step.id),
        "%s %s" % (_MARKS.mark(step.state), state_word(step.state)),
        duration,
        str(len(step.attempts) or ""),
        escape(step.reason),
    )
    return "| %s |" % " | ".join(cells)
