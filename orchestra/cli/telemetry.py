"""What a run tells a collector of OpenTelemetry; its steps are told of the trace they are in.

Sent by a process of its own, within a bounded time. Nothing that goes wrong with it harms the run.
"""

from __future__ import annotations

import json
import os
from typing import Dict, List, Mapping, NamedTuple, Optional

from orchestra.cli.kept import Kept
from orchestra.cli.sender import sender_argv, sender_variables, why_unsent
from orchestra.engine.ports import Ended, Executor
from orchestra.executors.companions import Companions
from orchestra.model.json_text import json_text
from orchestra.model.record import RunRecord
from orchestra.model.run import AttemptKey, Invocation
from orchestra.model.screen_text import safe_line
from orchestra.model.trace_context import TraceContext, trace_context
from orchestra.reports.telemetry import telemetry_data
from orchestra.subscribers.otlp import ORDER, Sending

_TIMEOUT_S = 5.0
_TIMEOUT_PER_STEP_S = 1e-3
_REQUEST_S = 3.0
_PROTOCOL = "http/protobuf"
_ARGV = sender_argv("orchestra.subscribers.otlp")


class Asked(NamedTuple):
    """What the variables of OpenTelemetry ask for; `problem` says why none of it can be."""

    traces: bool
    metrics: bool
    problem: str = ""


def asked_for(environ: Mapping[str, str]) -> Asked:
    """What the standard variables ask for: nothing, unless they name an endpoint or `otlp`."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return Asked(False, False)
    signals = {"TRACES": False, "METRICS": False}
    for signal in signals:
        exporter = environ.get("OTEL_%s_EXPORTER" % signal, "").strip()
        own, shared = "OTEL_EXPORTER_OTLP_%s_ENDPOINT" % signal, "OTEL_EXPORTER_OTLP_ENDPOINT"
        has_endpoint = bool(environ.get(own) or environ.get(shared))
        signals[signal] = exporter == "otlp" or (not exporter and has_endpoint)
        protocol = environ.get("OTEL_EXPORTER_OTLP_%s_PROTOCOL" % signal)
        protocol = protocol or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") or _PROTOCOL
        if signals[signal] and protocol != _PROTOCOL:
            return Asked(False, False, "OTLP is spoken as %s only" % _PROTOCOL)
    return Asked(signals["TRACES"], signals["METRICS"])


class Telemetry:
    """Sends what one run was; `lines` is what to say of it once the screen is free.

    `trace` is the trace that steps are told of, None where there are to be no traces; `folder` is
    private.
    """

    def __init__(self, environ: Mapping[str, str], run_id: str, folder: str, kept: Kept) -> None:
        self.lines: List[str] = []
        self._asked = asked_for(environ)
        if self._asked.problem:
            self.lines.append("warning: nothing is sent to a collector: " + self._asked.problem)
        self._trace = trace_context(run_id, environ.get("TRACEPARENT", ""))
        self.trace: Optional[TraceContext] = self._trace if self._asked.traces else None
        self._environ = environ
        self._folder = folder
        self._kept = kept

    def send(self, record: RunRecord, executor: Executor, stop_fd: int) -> None:
        """Send it and wait until that is over, for some seconds; `stop_fd` readable ends that."""
        if not self._asked.traces and not self._asked.metrics:
            return
        try:
            companions = Companions(executor)
            self._start(record, companions)
            companions.finish(stop_fd)
        except Exception as fault:  # whatever goes wrong with it, the run has its result
            self._tell("%s: %s" % (type(fault).__name__, fault))

    def _start(self, record: RunRecord, companions: Companions) -> None:
        data, result = self._folder + "/telemetry.json", self._folder + "/telemetry-result"
        descriptor = os.open(data, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(json_text(telemetry_data(record, self._trace)))
        sending = Sending(data, result, _REQUEST_S, self._asked.traces, self._asked.metrics)
        key = AttemptKey("telemetry", 1)
        timeout_s = _TIMEOUT_S + _TIMEOUT_PER_STEP_S * len(record.step_by_id)

        def ended(end: Ended, killed: str) -> None:
            message = why_unsent(end, killed, result, timeout_s)
            if message:
                self._tell(message)

        env = self._environment(record.run_id, key, sending)
        invocation = Invocation(_ARGV, env, self._folder, result + ".log")
        companions.start(key, invocation, timeout_s, ended)

    def _environment(self, run_id: str, key: AttemptKey, sending: Sending) -> Dict[bytes, bytes]:
        own = {**sender_variables(run_id, key), ORDER: json.dumps(sending)}
        return {
            os.fsencode(name): os.fsencode(value)
            for name, value in {**self._environ, **own}.items()
        }

    def _tell(self, message: str) -> None:
        said = safe_line(self._kept.masked(message))
        self.lines.append("warning: the collector was not told of this run: %s" % said)
