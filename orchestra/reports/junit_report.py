"""A run as JUnit XML, which CI systems show as tests: a step is a test case. Pure.

Source: the schema of Jenkins' xUnit plugin, junit-10.xsd, whose words for repeated attempts
(`rerunFailure`, `flakyFailure`) are those of Maven Surefire.
"""

from __future__ import annotations

from datetime import datetime, timezone
from html import escape
from typing import Dict, Iterator, List, Optional

from orchestra.model.log_excerpt import LogReader
from orchestra.model.record import Attempt, RunRecord, StepRecord
from orchestra.model.run import Outcome, StepState
from orchestra.model.screen_text import safe_line
from orchestra.model.whereabouts import place_words
from orchestra.reports.excerpts import Excerpts

_ROOM_BYTES = 4 << 20
_TAIL_BYTES = 16 << 10
_TAIL_LINES = 100
_CUT_OFF = "the run was cut off"
_UNDER_WAY = frozenset([StepState.RUNNING, StepState.QUEUED, StepState.WAITING_RETRY])
_NOT_BAD = frozenset([None, Outcome.SUCCEEDED, Outcome.SKIPPED])


def render_junit(record: RunRecord, logs: Optional[LogReader] = None, cut_off: bool = False) -> str:
    """The whole run as one test suite, in plan order; times in seconds.

    A fan-out and a step that holds others stand for their parts: only those are test cases, unless
    it has failed and none of them has. Handlers are none. A step that failed has a `failure`, one
    that was stopped while it ran an `error`; one that did not run is `skipped`. Attempts that
    failed before are `rerunFailure`, or `flakyFailure` where the step came to succeed. `cut_off`
    says that nobody drives a run that has not ended: what ran in it has an `error` as well.
    """
    excerpts = Excerpts(logs, _ROOM_BYTES, _TAIL_BYTES, _TAIL_LINES)
    cases = [_Case(step, excerpts, cut_off) for step in record.in_order() if _is_case(step)]
    counts: Dict[str, object] = {
        "tests": len(cases),
        "failures": sum(case.kind == "failure" for case in cases),
        "errors": sum(case.kind == "error" for case in cases),
    }
    time = "%.3f" % (record.elapsed_s or 0.0)
    began = datetime.fromtimestamp(record.started_at, timezone.utc)
    suite = {
        "name": record.workflow,
        "package": record.workflow,
        "id": "0",
        **counts,
        "skipped": sum(case.kind == "skipped" for case in cases),
        "time": time,
        "timestamp": began.strftime("%Y-%m-%dT%H:%M:%S"),
        "hostname": record.host,
    }
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<testsuites%s>" % _attributes({"name": record.workflow, **counts, "time": time}),
        "  <testsuite%s>" % _attributes(suite),
        "    <properties>",
    ]
    facts = {
        "run": record.run_id,
        "state": "cut off" if cut_off else record.state.value,
        "orchestra": record.version,
    }
    for name, value in facts.items():
        lines.append("      <property%s/>" % _attributes({"name": name, "value": value}))
    lines.append("    </properties>")
    for case in cases:
        lines.extend(case.lines(record.workflow))
    lines += [
        "    <system-out>%s</system-out>" % escape("\n".join(map(safe_line, record.notes))),
        "    <system-err></system-err>",
        "  </testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines) + "\n"


def _is_case(step: StepRecord) -> bool:
    return not step.is_handler and (not step.members or step.is_root_of_failure)


class _Case:
    """A step as a test case; `kind` is the element that says what became of it, or empty."""

    def __init__(self, step: StepRecord, excerpts: Excerpts, cut_off: bool) -> None:
        self.kind = _kind_of(step, cut_off)
        self._step = step
        self._excerpts = excerpts

    def lines(self, workflow: str) -> Iterator[str]:
        """The element, with what it holds."""
        step = self._step
        time = "%.3f" % (step.duration_s or 0.0)
        classname = "%s.%s" % (workflow, step.owner) if step.owner else workflow
        head = _attributes({"name": step.id, "classname": classname, "time": time})
        inner = list(self._inner())
        if not inner:
            yield "    <testcase%s/>" % head
            return
        yield "    <testcase%s>" % head
        yield from inner
        yield "    </testcase>"

    def _inner(self) -> Iterator[str]:
        step = self._step
        attempts = step.attempts[step.spent :]
        if self.kind == "skipped":
            yield "      <skipped%s/>" % _attributes({"message": step.reason or step.state.value})
        elif self.kind:
            attempt = attempts[-1] if attempts else None
            reason = _CUT_OFF if step.state in _UNDER_WAY else step.reason
            yield self._element(self.kind, reason, attempt)
        again = "rerunFailure" if self.kind else "flakyFailure"
        for attempt in attempts if not self.kind else attempts[:-1]:
            if attempt.outcome not in _NOT_BAD:
                yield self._element(again, attempt.reason, attempt)
        where = place_words(attempts)
        if where:
            yield "      <system-out>where: %s</system-out>" % escape(where)

    def _element(self, tag: str, reason: str, attempt: Optional[Attempt]) -> str:
        outcome = attempt.outcome if attempt is not None else None
        kind = self._step.state.value if outcome is None else outcome.value
        texts: List[str] = []
        if attempt is not None:
            texts = self._excerpts.of(attempt)
            path = self._excerpts.path(attempt)
            if path:
                texts.append("log: %s" % safe_line(path))
        head = _attributes({"message": reason or kind, "type": kind})
        text = escape("\n".join(texts))
        if tag in ("rerunFailure", "flakyFailure"):
            text = "<system-out>%s</system-out>" % text
        return "      <%s%s>%s</%s>" % (tag, head, text, tag)


def _kind_of(step: StepRecord, cut_off: bool) -> str:
    if step.state is StepState.FAILED:
        return "failure"
    if step.state is StepState.CANCELLED and step.attempts:
        return "error"
    if cut_off and step.state in _UNDER_WAY:
        return "error"
    if step.left_out or step.state in _DID_NOT_RUN:
        return "skipped"
    return ""


_DID_NOT_RUN = frozenset(
    [
        StepState.SKIPPED,
        StepState.BLOCKED,
        StepState.CANCELLED,
        StepState.PENDING,
        StepState.READY,
        StepState.RUNNING,
        StepState.QUEUED,
        StepState.WAITING_RETRY,
    ]
)


def _attributes(values: Dict[str, object]) -> str:
    texts = {name: escape(safe_line(str(value))) for name, value in values.items()}
    return "".join(' %s="%s"' % each for each in texts.items())
