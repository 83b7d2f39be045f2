"""A run as Markdown: a report, and the page of a CI job (`$GITHUB_STEP_SUMMARY`). Pure."""

from __future__ import annotations

import re
from typing import Callable, Iterator, List, Optional

from orchestra.model.log_excerpt import LogReader
from orchestra.model.look import Look, count_words, state_word
from orchestra.model.record import RunRecord, StepRecord
from orchestra.model.run import ENDED_STATES, StepState
from orchestra.model.units import format_duration
from orchestra.model.whereabouts import place_words
from orchestra.reports.excerpts import Excerpts
from orchestra.reports.graph.run_text import run_graph
from orchestra.reports.graph.text import mermaid_text
from orchestra.reports.markdown_text import escape

_MOST_ROWS = 200
_MOST_BYTES = 1_000_000
_MOST_FAILURES = 20
_LOGS_BYTES = 200_000
_TAIL_BYTES = 16 << 10
_TAIL_LINES = 40
_MOST_EDGES = 250
_MOST_NODES = 100
_TICKS = re.compile(r"`+")
_MARKS = Look()

Read = Callable[[str, int], str]
"""Gives the text of a file of the run by its path and the most bytes of it."""


def render_markdown(
    record: RunRecord,
    logs: Optional[LogReader] = None,
    read: Optional[Read] = None,
    cut_off: bool = False,
) -> str:
    """What failed and why, the graph, a table of at most 200 rows, what steps wrote themselves.

    Everything a file or a step could have chosen is escaped: no Markdown, no HTML, no mention.
    Only what a step wrote to its own summary, which `read` gives, is as it is. In all there is no
    more than CI systems take; a graph that they would not draw is left out. `cut_off` says that
    nobody drives a run that has not ended.
    """
    counts = ", ".join(count_words(record.counts, *ENDED_STATES)) or "no steps"
    elapsed = "" if record.elapsed_s is None else " in %s" % format_duration(record.elapsed_s)
    state = "cut off" if cut_off else record.state.value
    lines = ["### %s %s" % (escape(record.workflow), state), ""]
    lines += ["%s%s" % (counts, elapsed), ""]
    lines += _failures(record, logs)
    lines += _graph(record)
    lines += _table(record)
    text = "\n".join(lines) + "\n\n"
    if read is None:
        return text
    return text + _summaries(record, read, _MOST_BYTES - len(text.encode("utf-8", "replace")))


def _failures(record: RunRecord, logs: Optional[LogReader]) -> Iterator[str]:
    """The steps that failed, each with the end of its log to unfold."""
    failed = [step for step in record.in_order() if step.is_root_of_failure and step.attempts]
    excerpts = Excerpts(logs, _LOGS_BYTES, _TAIL_BYTES, _TAIL_LINES)
    for step in failed[:_MOST_FAILURES]:
        yield "- %s **%s** %s" % (_MARKS.mark(step.state), escape(step.id), escape(step.reason))
        shown = excerpts.of(step.attempts[-1])
        if shown:
            longest = max((len(run) for line in shown for run in _TICKS.findall(line)), default=0)
            fence = "`" * max(3, longest + 1)
            yield "  <details><summary>the end of its log</summary>\n"
            yield "  %stext" % fence
            yield from ("  " + line for line in shown)
            yield "  %s\n  </details>" % fence
    if len(failed) > _MOST_FAILURES:
        yield "- … and %d more steps that failed" % (len(failed) - _MOST_FAILURES)
    if failed:
        yield ""


def _graph(record: RunRecord) -> List[str]:
    graph = run_graph(record)
    if not graph.edges or len(graph.nodes) > _MOST_NODES or len(graph.edges) > _MOST_EDGES:
        return []
    return ["```mermaid", mermaid_text(graph).rstrip("\n"), "```", ""]


def _table(record: RunRecord) -> List[str]:
    steps = sorted(record.in_order(), key=lambda s: s.state is not StepState.FAILED)
    with_places = any(place_words(step.attempts) for step in steps)
    where, rule = (" where |", " --- |") if with_places else ("", "")
    lines = ["| step | state | time | attempts |%s why |" % where]
    lines += ["| --- | --- | ---: | ---: |%s --- |" % rule]
    lines += [_row(step, with_places) for step in steps[:_MOST_ROWS]]
    if len(steps) > _MOST_ROWS:
        lines += ["", "… and %d more steps" % (len(steps) - _MOST_ROWS)]
    return lines


def _summaries(record: RunRecord, read: Read, room: int) -> str:
    """What the last attempt of each step wrote, in plan order, as far as there is room."""
    parts: List[str] = []
    left_out = 0
    for step in record.step_by_id.values():
        last = step.attempts[-1] if step.attempts else None
        if last is None or last.summary is None:
            continue
        text = "" if last.summary_bytes > room else read(last.summary, last.summary_bytes)
        part = "#### %s\n\n%s\n\n" % (escape(step.id), text.strip("\n"))
        # what is no UTF-8 takes three times the bytes that it has in the file
        size = max(len(part.encode("utf-8", "replace")), last.summary_bytes)
        if size > room:
            left_out += 1
            continue
        parts.append(part)
        room -= size + 1000
    if left_out:
        parts.append("… and %d more, too large for this page\n\n" % left_out)
    return "".join(parts)


def _row(step: StepRecord, with_place: bool) -> str:
    duration = "" if step.duration_s is None else format_duration(step.duration_s)
    places = [escape(place_words(step.attempts))] if with_place else []
    cells = (
        escape(step.id),
        "%s %s" % (_MARKS.mark(step.state), state_word(step.state)),
        duration,
        str(len(step.attempts) or ""),
        *places,
        escape(step.reason),
    )
    return "| %s |" % " | ".join(cells)
