"""What the cases of tests came to, as JUnit's XML for CI systems. Pure."""

from __future__ import annotations

import re
from typing import List, Sequence
from xml.sax.saxutils import escape, quoteattr

from orchestra.model.look import Look
from orchestra.model.screen_text import safe_line
from orchestra.model.verdict import Tried, Verdict
from orchestra.reports.trials import MOST_MISMATCHES, case_lines

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_trials_junit(tried: Sequence[Tried]) -> str:
    """JUnit's XML, as CI systems read it: a suite for each file; times are virtual."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>"]
    for each in tried:
        counts = 'tests="%d" failures="%d" errors="0"' % (len(each.verdicts), each.failed)
        lines.append("  <testsuite name=%s %s>" % (_attribute(each.file), counts))
        for verdict in each.verdicts:
            lines += _junit_case(verdict, each.file)
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>", ""])


def _junit_case(verdict: Verdict, file: str) -> List[str]:
    facts = (_attribute(verdict.name), _attribute(file), verdict.elapsed_s or 0.0)
    start = '    <testcase name=%s classname=%s time="%.3f"' % facts
    if verdict.has_passed:
        return [start + "/>"]
    plain = Look(color=False, unicode=True)
    about = "; ".join(each.about for each in verdict.mismatches[:MOST_MISMATCHES])
    text = "\n".join(line.strip() for line in case_lines("", verdict, file, plain)[1:])
    return [
        start + ">",
        "      <failure message=%s>%s</failure>" % (_attribute(about), escape(_xml(text))),
        "    </testcase>",
    ]


def _attribute(text: str) -> str:
    return quoteattr(_xml(safe_line(text)))


def _xml(text: str) -> str:
    """The text without what XML 1.0 has no place for."""
    return _NO_XML.sub("\ufffd", text)
