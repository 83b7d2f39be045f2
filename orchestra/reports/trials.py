"""What the cases of tests came to, for people: a line for each, and why one failed. Pure."""

from __future__ import annotations

from typing import List, Sequence

from orchestra.model.look import Look, Tone
from orchestra.model.screen_text import safe_line
from orchestra.model.units import format_duration
from orchestra.model.verdict import Mismatch, Tried, Verdict
from orchestra.reports.story import story_lines

MOST_MISMATCHES = 20
"""No more of one case than this are shown."""

_LONGEST_NAME = 72
_LONGEST_VALUE = 400


def render_trials(tried: Sequence[Tried], look: Look) -> str:
    """A line for each case; below one that failed, what was expected and what came, and why."""
    lines: List[str] = []
    for each in tried:
        lines.append(look.paint(safe_line(each.file), Tone.STRONG))
        names = [_shortened(safe_line(verdict.name), look) for verdict in each.verdicts]
        wide = max(map(len, names), default=0)
        for name, verdict in zip(names, each.verdicts):
            lines += case_lines(name.ljust(wide), verdict, each.file, look)
    count = sum(len(each.verdicts) for each in tried)
    failed = sum(each.failed for each in tried)
    words = "%d case%s" % (count, "" if count == 1 else "s")
    verdict_words = look.paint("%d failed" % failed, Tone.BAD) if failed else "all passed"
    if not failed:
        verdict_words = look.paint(verdict_words, Tone.GOOD)
    lines.append("%s, %s" % (words, verdict_words))
    return "".join(line + "\n" for line in lines)


def case_lines(name: str, verdict: Verdict, file: str, look: Look) -> List[str]:
    """The line of a case with its `name`, and below it all that came otherwise."""
    signs = ("✓", "✗") if look.unicode else ("+", "x")
    mark = signs[0] if verdict.has_passed else signs[1]
    painted = look.paint(mark, Tone.GOOD if verdict.has_passed else Tone.BAD)
    lines = ["  %s %s  %s" % (painted, name, look.paint(_time(verdict), Tone.QUIET))]
    for mismatch in verdict.mismatches[:MOST_MISMATCHES]:
        place = "%s:%d:%d: " % (safe_line(file), mismatch.line, mismatch.column)
        lines.append("      " + look.paint(place, Tone.STRONG) + _value(mismatch.about))
        lines += ["        " + line for line in _beside(mismatch, look)]
    more = len(verdict.mismatches) - MOST_MISMATCHES
    if more > 0:
        lines.append("      and %d more" % more)
    story = story_lines(verdict.story, verdict.started_at)
    if story:
        lines.append("      " + look.paint("what happened", Tone.QUIET))
        lines += ["        " + line for line in story]
    return lines


def _beside(mismatch: Mismatch, look: Look) -> List[str]:
    if mismatch.hint:
        return ["%s %s" % (look.paint("help:", Tone.GOOD), safe_line(mismatch.hint))]
    return [
        "expected  %s" % look.paint(_value(mismatch.wanted), Tone.GOOD),
        "came      %s" % look.paint(_value(mismatch.came), Tone.BAD),
    ]


def _time(verdict: Verdict) -> str:
    return "no end" if verdict.elapsed_s is None else format_duration(verdict.elapsed_s)


def _value(text: str) -> str:
    shown = safe_line(text[:_LONGEST_VALUE])
    return shown if len(text) <= _LONGEST_VALUE else shown + "… (%d characters)" % len(text)


def _shortened(name: str, look: Look) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + look.ellipsis
