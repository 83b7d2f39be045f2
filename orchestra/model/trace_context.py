"""W3C trace context: the ids of a run's spans, known before anything starts. Pure.

Source: W3C Recommendation "Trace Context", level 1.
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from orchestra.model.run import AttemptKey

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED = 1


class TraceContext(NamedTuple):
    """The trace of a run; `parent` is the span of who started it, empty where nobody says.

    Ids are lower-case hex: 32 digits for the trace, 16 for a span.
    """

    run_id: str
    trace_id: str
    parent: str
    is_sampled: bool

    def run_span(self, leg: int) -> str:
        """The id of the run's span; `leg` counts how often the run has gone on."""
        return self._span("run", str(leg))

    def step_span(self, step: str, leg: int) -> str:
        """The id of a step's span."""
        return self._span("step", str(leg), step)

    def attempt_span(self, key: AttemptKey) -> str:
        """The id of an attempt's span."""
        return self._span("attempt", str(key.number), key.step)

    def traceparent(self, key: AttemptKey) -> str:
        """What an attempt gets as its `TRACEPARENT`."""
        flags = _SAMPLED if self.is_sampled else 0
        return "00-%s-%s-%02x" % (self.trace_id, self.attempt_span(key), flags)

    def _span(self, *words: str) -> str:
        return _digest(8, self.run_id, *words)


def trace_context(run_id: str, traceparent: str) -> TraceContext:
    """The trace of a run that was started with this `TRACEPARENT`, which may be empty or wrong."""
    match = _TRACEPARENT.fullmatch(traceparent.strip())
    if match is not None:
        version, trace_id, parent, flags, rest = match.groups()
        is_known = version != "ff" and not (version == "00" and rest)
        if is_known and int(trace_id, 16) and int(parent, 16):
            return TraceContext(run_id, trace_id, parent, bool(int(flags, 16) & _SAMPLED))
    return TraceContext(run_id, _digest(16, run_id, "trace"), "", True)


def _digest(size: int, *words: str) -> str:
    raw = "\0".join(words).encode("utf-8", "surrogatepass")
    found = hashlib.blake2b(raw, digest_size=size).hexdigest()
    return found if int(found, 16) else "0" * (2 * size - 1) + "1"  # zero is no id
