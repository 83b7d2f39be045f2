"""Sends what a run was by OpenTelemetry, as a process of its own, killed when its time is over.

Reads what to send from a file, and says how it went in another one. The SDK, which starts threads,
is imported here and nowhere else.
"""

from __future__ import annotations

import json
import re
import socket
from contextlib import suppress
from typing import Any, Dict, List, Mapping, MutableMapping, NamedTuple, Sequence
from urllib.parse import unquote, urlsplit

from orchestra.model.screen_text import safe_line
from orchestra.model.workflow import Channel
from orchestra.subscribers.address import hidden_parts, hide, shown_target
from orchestra.subscribers.first_warning import FirstWarning

ORDER = "ORCHESTRA_TELEMETRY_ORDER"
"""The variable that holds a `Sending` as JSON."""

MISSING = "OpenTelemetry is not installed; install orchestra[otel]"

_LONGEST_MESSAGE = 300
_BATCH = 512
_BETWEEN_WORDS = re.compile(r"[\s=:,]+")
_DEFAULT_ENDPOINT = "http://localhost:4318"


class Sending(NamedTuple):
    """What to send: the file of the data, the file for how it went, and which of them.

    `timeout_s` is how long one request may take.
    """

    data: str
    result: str
    timeout_s: float
    traces: bool
    metrics: bool


class UnsentError(Exception):
    """It could not be sent; the text says why."""


def run(environ: MutableMapping[str, str]) -> None:
    """Send what the environment says. Never raises for what goes wrong with that."""
    sending = Sending(*json.loads(environ.pop(ORDER)))
    message = ""
    try:
        send(sending, environ)
    except UnsentError as fault:
        message = str(fault)
    except Exception as fault:  # whatever the SDK raises, it was not sent
        message = "%s: %s" % (type(fault).__name__, fault)
    message = safe_line(hide(message, _hidden(environ)))[:_LONGEST_MESSAGE]
    with suppress(OSError), open(sending.result, "w", encoding="utf-8") as file:
        json.dump({"message": message}, file)


def send(sending: Sending, environ: MutableMapping[str, str]) -> None:
    """Send it.

    Raises:
        UnsentError: the SDK is not installed, or the collector did not take it.
    """
    said = FirstWarning("opentelemetry")
    if "service.name=" not in environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        environ.setdefault("OTEL_SERVICE_NAME", "orchestra")
    for signal, is_wanted in (("TRACES", sending.traces), ("METRICS", sending.metrics)):
        if is_wanted:
            _check_listening(signal, environ, sending.timeout_s)
    with open(sending.data, encoding="utf-8") as file:
        data = json.load(file)
    refused: List[str] = []
    try:
        session = _session(refused)
        if sending.traces:
            _send_spans(data, sending.timeout_s, session)
        if sending.metrics:
            _send_metrics(data, sending.timeout_s, session)
    except ImportError as fault:
        raise UnsentError(MISSING) from fault
    except _NotTakenError as fault:
        why = refused[0] if refused else said.text
        raise UnsentError(why or "the collector did not take it") from fault
    if refused:
        raise UnsentError(refused[0])


def _check_listening(signal: str, environ: Mapping[str, str], timeout_s: float) -> None:
    """Find out at once that nobody listens, which the SDK tries again and again.

    Raises:
        UnsentError: nobody does.
    """
    if any(name.lower() in ("http_proxy", "https_proxy", "all_proxy") for name in environ):
        return  # the proxy knows
    address = environ.get("OTEL_EXPORTER_OTLP_%s_ENDPOINT" % signal)
    address = address or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or _DEFAULT_ENDPOINT
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or {"http": 80, "https": 443}[parts.scheme]
        if not host:
            raise ValueError(address)
    except (ValueError, KeyError) as fault:
        raise UnsentError("its address does not begin with https:// or http://") from fault
    try:
        socket.create_connection((host, port), timeout_s).close()
    except OSError as fault:
        why = "no answer in time" if isinstance(fault, socket.timeout) else fault.strerror
        raise UnsentError("%s:%d: %s" % (host, port, why or fault)) from fault


class _NotTakenError(Exception):
    """An exporter says that it failed; why stands in what it logged."""


def _session(refused: List[str]) -> Any:
    """What the exporters send by; `refused` gets what they take for a success, and is none.

    An answer may send them elsewhere, where they do not go or go without what they had to tell, or
    say that only a part was taken. Source: OTLP specification, "Full Success", "Partial Success".

    Raises:
        ImportError: the exporters are not installed.
    """
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
    from requests import Session

    def look_at(response: Any, **_: Any) -> None:
        if 300 <= response.status_code < 400:
            refused.append("it answers %d and names another place" % response.status_code)
            raise _NotTakenError
        if not response.ok:
            return
        with suppress(Exception):  # whatever is no such answer says nothing
            # that to measurements has the same fields
            part = ExportTraceServiceResponse.FromString(response.content).partial_success
            if part.rejected_spans:
                told = (part.rejected_spans, part.error_message)
                refused.append("it left out %d of what it was sent: %s" % told)

    session = Session()
    session.hooks["response"].append(look_at)
    return session


def _send_spans(data: Mapping[str, Any], timeout_s: float, session: Any) -> None:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExportResult
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

    resource = Resource.create()
    scope = InstrumentationScope("orchestra", data["version"])

    def context(trace_id: str, span_id: str, is_remote: bool) -> SpanContext:
        flags = TraceFlags(TraceFlags.SAMPLED)
        return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote, flags)

    def made(span: Mapping[str, Any]) -> ReadableSpan:
        trace_id, parent_id, error = span["trace_id"], span["parent_id"], span["error"]
        return ReadableSpan(
            name=span["name"],
            context=context(trace_id, span["span_id"], False),
            parent=context(trace_id, parent_id, True) if parent_id else None,
            resource=resource,
            attributes=span["attributes"],
            status=Status(StatusCode.UNSET) if error is None else Status(StatusCode.ERROR, error),
            start_time=span["start_ns"],
            end_time=span["end_ns"],
            instrumentation_scope=scope,
        )

    exporter = OTLPSpanExporter(timeout=timeout_s, session=session)
    for spans in _batches(data["spans"]):
        if exporter.export([made(span) for span in spans]) is not SpanExportResult.SUCCESS:
            raise _NotTakenError
    exporter.shutdown()


def _send_metrics(data: Mapping[str, Any], timeout_s: float, session: Any) -> None:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics.export import (
        Gauge,
        Metric,
        MetricExportResult,
        MetricsData,
        NumberDataPoint,
        ResourceMetrics,
        ScopeMetrics,
    )
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    resource = Resource.create()
    scope = InstrumentationScope("orchestra", data["version"])

    def made(metric: Mapping[str, Any]) -> Metric:
        at_ns = metric["at_ns"]
        points = [
            NumberDataPoint(point["attributes"], at_ns, at_ns, point["value"])
            for point in metric["points"]
        ]
        return Metric(metric["name"], metric["about"], metric["unit"], Gauge(points))

    exporter = OTLPMetricExporter(timeout=timeout_s, session=session)
    of_scope = ScopeMetrics(scope, [made(metric) for metric in data["metrics"]], "")
    whole = MetricsData([ResourceMetrics(resource, [of_scope], "")])
    if exporter.export(whole) is not MetricExportResult.SUCCESS:
        raise _NotTakenError
    exporter.shutdown()


def _batches(spans: List[Dict[str, Any]]) -> Sequence[List[Dict[str, Any]]]:
    return [spans[place : place + _BATCH] for place in range(0, len(spans), _BATCH)]


def _hidden(environ: Mapping[str, str]) -> List[str]:
    """What no message may show: headers, and all of an address but its host."""
    hidden: List[str] = []
    for name, value in environ.items():
        if not name.startswith("OTEL_EXPORTER_OTLP"):
            continue
        if name.endswith("HEADERS"):
            hidden += hidden_parts(Channel.COMMAND, [], _header_texts(value))
        elif name.endswith("ENDPOINT"):
            shown = shown_target(Channel.WEBHOOK, [value])
            parts = hidden_parts(Channel.WEBHOOK, [value], [])
            hidden += [part for part in parts if part != shown]
    return sorted(hidden, key=len, reverse=True)


def _header_texts(headers: str) -> List[str]:
    """Headers as a message may have them: whole, each, their values, words, and as Python spells.

    What is ill-formed (`name: value`, a line feed in a value) is told as it was read.
    """
    pairs = headers.split(",")
    texts = [headers, *pairs, *(pair.partition("=")[2] for pair in pairs)]
    texts += [unquote(text) for text in texts]
    words = [word for text in texts for word in _BETWEEN_WORDS.split(text)]
    return [*(text.strip() for text in texts), *(repr(text)[1:-1] for text in texts), *words]
