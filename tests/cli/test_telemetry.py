"""Spans and measurements of runs, as a collector on this machine takes them over HTTP."""

from __future__ import annotations

import gzip
import json
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Dict, Iterator, List, Tuple

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.cli.going import until

RETRIED = """
name: nightly
steps:
  a: {run: 'echo "$TRACEPARENT" >> seen; [ "$ORCHESTRA_ATTEMPT" = 2 ]', retry: {max: 1}}
  b: {needs: a, run: 'exit 3'}
  c: {needs: b, run: 'true'}
"""
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Collector:
    """Keeps what it is sent; answers `status`, `headers` and `answer` when `release` is set."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: Dict[str, str] = {}
        self.answer = b""
        self.release = threading.Event()
        self.release.set()
        self.requests: List[Tuple[str, bytes]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.requests.append((self.path, body))
                collector.release.wait(30)
                self.send_response(collector.status)
                self.send_header("Content-Length", str(len(collector.answer)))
                for name, value in collector.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(collector.answer)

            def log_message(self, *about: Any) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = "http://127.0.0.1:%d" % self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def spans(self) -> List[Any]:
        found = []
        for path, body in self.requests:
            if path == "/v1/traces":
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    found += [span for scope in resource.scope_spans for span in scope.spans]
        return found

    def metrics(self) -> Dict[str, Any]:
        found = {}
        for path, body in self.requests:
            if path == "/v1/metrics":
                for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                    found.update(
                        (metric.name, metric)
                        for scope in resource.scope_metrics
                        for metric in scope.metrics
                    )
        return found

    def resource(self) -> Dict[str, str]:
        (body, *_) = [body for path, body in self.requests if path == "/v1/traces"]
        return attributes(ExportTraceServiceRequest.FromString(body).resource_spans[0].resource)


def attributes(holder: Any) -> Dict[str, Any]:
    pairs = [(each.key, each.value) for each in holder.attributes]
    return {key: getattr(value, value.WhichOneof("value")) for key, value in pairs}


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


@pytest.fixture
def told(cli, collector):
    """A command line whose runs tell the collector."""
    cli.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.address
    return cli


def test_a_run_its_steps_and_their_attempts_are_spans_in_each_other(told, collector):
    result = told.file("p.yaml", RETRIED).run("run", "p.yaml", "--report", "json=r.json")
    assert (result.code, result.err) == (1, "")
    by_id = {span.span_id: span for span in collector.spans()}
    shown = {
        span.name: by_id[span.parent_span_id].name if span.parent_span_id else None
        for span in by_id.values()
    }
    assert shown == {
        "nightly": None,
        "a": "nightly",
        "a attempt 1": "a",
        "a attempt 2": "a",
        "b": "nightly",
        "b attempt 1": "b",
        "c": "nightly",
    }
    assert len({span.trace_id for span in by_id.values()}) == 1
    errors = {span.name: span.status.message for span in by_id.values() if span.status.code == 2}
    assert set(errors) == {"nightly", "a attempt 1", "b", "b attempt 1"}
    assert errors["b"] == "exit code 3"


def test_more_spans_than_one_request_holds_arrive_each_once(told, collector):
    many = "steps:\n  m: {matrix: {x: %s}, shell: sh, run: 'true'}\n" % list(range(300))
    result = told.file("p.yaml", many).run("run", "p.yaml")
    names = [span.name for span in collector.spans()]
    assert (result.code, result.err) == (0, "")
    assert len([path for path, _ in collector.requests if path == "/v1/traces"]) == 2
    assert len(names) == len(set(names)) == 2 + 2 * 300


def test_spans_have_the_times_and_facts_of_the_record(told, collector):
    told.file("p.yaml", RETRIED).run("run", "p.yaml", "--report", "json=r.json")
    report = json.loads(told.read("r.json"))
    by_name = {span.name: span for span in collector.spans()}
    run, attempt = by_name["nightly"], by_name["b attempt 1"]
    assert run.end_time_unix_nano - run.start_time_unix_nano == pytest.approx(
        report["elapsed_s"] * 1e9, abs=2000
    )
    assert attributes(run)["orchestra.run.id"] == report["run_id"]
    assert attributes(run)["orchestra.run.exit_code"] == 1
    facts = attributes(attempt)
    assert (facts["process.exit.code"], facts["orchestra.attempt.outcome"]) == (3, "failed")
    step = by_name["b"]
    assert step.start_time_unix_nano <= attempt.start_time_unix_nano
    assert attempt.end_time_unix_nano <= step.end_time_unix_nano <= run.end_time_unix_nano


def test_steps_get_the_span_of_their_attempt(told, collector):
    told.file("p.yaml", RETRIED).run("run", "p.yaml")
    by_name = {span.name: span for span in collector.spans()}
    wanted = [
        "00-%s-%s-01" % (span.trace_id.hex(), span.span_id.hex())
        for span in (by_name["a attempt 1"], by_name["a attempt 2"])
    ]
    assert told.read("seen").splitlines() == wanted


def test_the_callers_span_is_the_parent(told, collector):
    told.environ["TRACEPARENT"] = CALLER
    told.file("p.yaml", RETRIED).run("run", "p.yaml")
    (run,) = [span for span in collector.spans() if span.name == "nightly"]
    assert (run.trace_id.hex(), run.parent_span_id.hex()) == tuple(CALLER.split("-")[1:3])


def test_a_trace_that_the_caller_does_not_keep_has_no_spans(told, collector):
    told.environ["TRACEPARENT"] = CALLER[:-1] + "0"
    told.file("p.yaml", RETRIED).run("run", "p.yaml")
    assert collector.spans() == []
    assert told.read("seen").splitlines()[0].endswith("-00")


def test_a_run_that_goes_on_tells_of_what_it_did_since(told, collector):
    told.file("p.yaml", RETRIED).run("run", "p.yaml")
    before = {span.span_id for span in collector.spans()}
    collector.requests.clear()
    assert told.run("resume").code == 1
    spans = collector.spans()
    assert sorted(span.name for span in spans) == ["b", "b attempt 2", "c", "nightly"]
    assert not before & {span.span_id for span in spans}


def test_measurements_are_told(told, collector):
    told.file("p.yaml", RETRIED).run("run", "p.yaml")
    found = collector.metrics()
    names = {"run.duration", "run.steps", "step.duration"}
    assert set(found) == {"orchestra." + name for name in names}
    counts = {
        attributes(point)["orchestra.step.state"]: point.as_int
        for point in found["orchestra.run.steps"].gauge.data_points
    }
    assert counts == {"succeeded": 1, "failed": 1, "blocked": 1}


def test_who_tells_it_is_as_the_variables_say(told, collector):
    told.file("p.yaml", RETRIED).run("run", "p.yaml")
    assert collector.resource()["service.name"] == "orchestra"
    collector.requests.clear()
    told.environ.update(OTEL_SERVICE_NAME="etl", OTEL_RESOURCE_ATTRIBUTES="team=data")
    told.run("run", "p.yaml")
    assert collector.resource()["service.name"] == "etl"
    assert collector.resource()["team"] == "data"


@pytest.mark.parametrize(
    ("variables", "paths"),
    [
        ({"OTEL_SDK_DISABLED": "true"}, set()),
        ({"OTEL_TRACES_EXPORTER": "none"}, {"/v1/metrics"}),
        ({"OTEL_METRICS_EXPORTER": "none"}, {"/v1/traces"}),
    ],
)
def test_variables_switch_it_off(told, collector, variables, paths):
    told.environ.update(variables)
    assert told.file("p.yaml", RETRIED).run("run", "p.yaml").err == ""
    assert {path for path, _ in collector.requests} == paths


def test_without_variables_the_callers_trace_is_handed_on_as_it_is(cli):
    cli.environ["TRACEPARENT"] = CALLER
    cli.file("p.yaml", RETRIED).run("run", "p.yaml")
    assert cli.read("seen").splitlines() == [CALLER, CALLER]


GOOD = "steps:\n  a: {run: 'true'}\n"


def test_a_collector_that_refuses_is_told_of_in_one_line(told, collector):
    collector.status = 400
    result = told.file("p.yaml", GOOD).run("run", "p.yaml")
    assert result.code == 0
    assert len(result.err.splitlines()) == 1
    assert result.err.startswith("warning: the collector was not told of this run: ")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_collector_that_names_another_place_is_told_of_and_not_followed(told, collector, status):
    collector.status, collector.headers = status, {"Location": collector.address + "/elsewhere"}
    result = told.file("p.yaml", GOOD).run("run", "p.yaml")
    assert result.code == 0
    assert [path for path, _ in collector.requests] == ["/v1/traces"]
    assert result.err == (
        "warning: the collector was not told of this run: "
        "it answers %d and names another place\n" % status
    )


def test_spans_that_a_collector_leaves_out_are_told_of(told, collector):
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 2
    answer.partial_success.error_message = "too old\x1b[31m"
    collector.answer = answer.SerializeToString()
    result = told.file("p.yaml", GOOD).run("run", "p.yaml")
    assert result.code == 0
    assert [path for path, _ in collector.requests] == ["/v1/traces", "/v1/metrics"]
    assert result.err == (
        "warning: the collector was not told of this run: "
        "it left out 2 of what it was sent: too old\\e[31m\n"
    )


@pytest.mark.parametrize("answer", [b"\xff", b"<html>", b"{}"])
def test_an_answer_that_says_nothing_is_a_success(told, collector, answer):
    collector.answer = answer
    result = told.file("p.yaml", GOOD).run("run", "p.yaml")
    assert (result.code, result.err) == (0, "")


def test_a_collector_that_is_down_is_told_of_in_one_line(told, collector):
    collector.close()
    result = told.file("p.yaml", GOOD).run("run", "p.yaml")
    assert result.code == 0
    assert result.err == (
        "warning: the collector was not told of this run: %s: Connection refused\n"
        % collector.address.partition("//")[2]
    )


def test_what_the_address_and_the_headers_hold_is_not_told(told, collector):
    collector.status = 400
    told.environ["OTEL_EXPORTER_OTLP_HEADERS"] = "authorization=Basic%20hunter2"
    told.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] += "/hunter3/x"
    result = told.file("p.yaml", GOOD).run("run", "p.yaml")
    assert collector.requests[0][0] == "/hunter3/x/v1/traces"
    assert result.err.startswith("warning: the collector was not told of this run: ")
    assert "hunter" not in result.err


@pytest.mark.parametrize(
    "headers",
    [
        "authorization: Bearer hunter2",
        "authorization: Basic hunter2==",
        "authorization=Bearer%0Ahunter2",
        "authorization=Bearer%00hunter2%0D%0A",
        "x-token=hunter2\u00e9",
        "=hunter2,hunter2",
    ],
)
def test_headers_that_are_none_are_not_told_either(told, collector, headers):
    collector.status = 401
    told.environ["OTEL_EXPORTER_OTLP_HEADERS"] = headers
    result = told.file("p.yaml", GOOD).run("run", "p.yaml")
    assert result.err.startswith("warning: the collector was not told of this run: ")
    assert "hunter2" not in result.err


@pytest.mark.parametrize("address", ["localhost:4318", "http://[", "ftp://x", "http://x:99999999"])
def test_an_address_that_is_none_is_told_of_in_one_line(told, address):
    told.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = address
    result = told.file("p.yaml", GOOD).run("run", "p.yaml")
    assert result.code == 0
    assert result.err == (
        "warning: the collector was not told of this run: "
        "its address does not begin with https:// or http://\n"
    )


def test_a_collector_that_never_answers_ends_no_later_than_its_time(told, collector):
    collector.release.clear()
    result = told.file("p.yaml", GOOD).run("run", "p.yaml", timeout=60)
    assert result.code == 0
    assert len(result.err.splitlines()) == 1
    assert result.err.startswith("warning: the collector was not told of this run: ")


def test_another_protocol_is_refused_in_one_line(told, collector):
    told.environ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "grpc"
    result = told.file("p.yaml", GOOD).run("run", "p.yaml")
    assert result.code == 0
    assert result.err == (
        "warning: nothing is sent to a collector: OTLP is spoken as http/protobuf only\n"
    )
    assert collector.requests == []


def test_a_run_that_is_stopped_is_told_too(told, collector):
    told.file("p.yaml", "steps:\n  a: {run: touch begun; sleep 60}\n")
    with told.start("run", "p.yaml") as process:
        until((told.folder / "begun").exists)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=180)
    assert process.returncode == 130
    assert "collector" not in err
    states = {span.name: attributes(span).get("orchestra.run.state") for span in collector.spans()}
    assert states == {"p": "cancelled", "a": None, "a attempt 1": None}


def test_ctrl_c_ends_the_telling_and_not_the_result(told, collector):
    collector.release.clear()
    with told.file("p.yaml", GOOD).start("run", "p.yaml") as process:
        until(lambda: bool(collector.requests))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=180)
    assert process.returncode == 0
    assert err == "warning: the collector was not told of this run: interrupted\n"
