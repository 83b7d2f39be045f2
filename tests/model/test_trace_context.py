"""Ids of traces and spans: those of the caller where there are any, and always the same."""

from __future__ import annotations

import pytest

from orchestra.model.run import AttemptKey
from orchestra.model.trace_context import trace_context

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_the_trace_of_the_caller_goes_on() -> None:
    context = trace_context("r1", "00-%s-%s-01" % (TRACE, SPAN))
    assert (context.trace_id, context.parent, context.is_sampled) == (TRACE, SPAN, True)


def test_a_later_version_may_say_more() -> None:
    assert trace_context("r1", "cc-%s-%s-00-more" % (TRACE, SPAN)).trace_id == TRACE
    assert not trace_context("r1", "cc-%s-%s-00-more" % (TRACE, SPAN)).is_sampled


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "x",
        "00-%s-%s" % (TRACE, SPAN),
        "ff-%s-%s-01" % (TRACE, SPAN),
        "00-%s-%s-01-more" % (TRACE, SPAN),
        "00-%s-%s-01" % ("0" * 32, SPAN),
        "00-%s-%s-01" % (TRACE, "0" * 16),
        "00-%s-%s-01" % (TRACE.upper(), SPAN),
        "00-%s-%s-01\n00-x" % (TRACE, SPAN),
    ],
)
def test_what_is_no_trace_of_a_caller_makes_a_new_one(wrong: str) -> None:
    context = trace_context("r1", wrong)
    assert context == trace_context("r1", "")
    assert (context.parent, context.is_sampled) == ("", True)
    assert len(bytes.fromhex(context.trace_id)) == 16


def test_ids_are_the_same_whenever_they_are_asked_for_and_differ_from_all_others() -> None:
    found = []
    for run in ("r1", "r2"):
        context = trace_context(run, "")
        found += [context.run_span(0), context.run_span(1)]
        found += [context.step_span(step, leg) for step in ("a", "a\ud800") for leg in (0, 1)]
        found += [context.attempt_span(AttemptKey(step, n)) for step in ("a", "b") for n in (1, 2)]
    assert len(set(found)) == len(found)
    assert trace_context("r1", "").run_span(0) == found[0]


def test_an_attempt_is_told_the_trace_and_its_own_span() -> None:
    context = trace_context("r1", "00-%s-%s-00" % (TRACE, SPAN))
    key = AttemptKey("a", 2)
    assert context.traceparent(key) == "00-%s-%s-00" % (TRACE, context.attempt_span(key))
