"""What is seen of a run with steps on other machines, at its end and in the middle."""

from __future__ import annotations

from datetime import timezone
from typing import Callable, Dict

from orchestra.model.json_text import json_text
from orchestra.model.look import Look
from orchestra.model.trace_context import trace_context
from orchestra.reports.graph.run_graph import render_run_svg
from orchestra.reports.graph.run_text import render_run_mermaid
from orchestra.reports.history import render_show
from orchestra.reports.html.page import render_html
from orchestra.reports.json_report import render_json_report
from orchestra.reports.junit_report import render_junit
from orchestra.reports.markdown_report import render_markdown
from orchestra.reports.prometheus_report import render_prometheus
from orchestra.reports.telemetry import telemetry_data
from orchestra.reports.trace_report import render_trace
from orchestra.reports.wfformat_report import render_wfformat
from orchestra.reports.why import render_why, render_why_json
from orchestra.subscribers.grouping import NoGrouping
from tests.golden import recorded
from tests.golden.recorded import ELSEWHERE as OF
from tests.golden.recorded import Logs, record

MIDDLE = 140.0
"""Seconds after its start: one step runs, one waits, one was lost and waits again."""

TEXT = Look()
ASCII = Look(unicode=False)


def _all_why(until: float) -> str:
    run = record(OF, until)
    now = run.started_at + min(until, 700.0)
    return "".join(render_why(run, step, now, TEXT) for step in run.step_by_id)


def _why_json(until: float) -> str:
    run = record(OF, until)
    return render_why_json(run, "train", run.started_at + until)


def _telemetry() -> str:
    trace = trace_context("20261123-090000-e1se", "")
    return json_text(telemetry_data(record(OF), trace), indent=2) + "\n"


ELSEWHERE: Dict[str, Callable[[], str]] = {
    "elsewhere-alert.txt": lambda: recorded.alert(OF).text,
    "elsewhere-events.jsonl": lambda: recorded.json_lines(OF),
    "elsewhere-graph.svg": lambda: render_run_svg(record(OF, MIDDLE)),
    "elsewhere-junit.xml": lambda: render_junit(record(OF), Logs()),
    "elsewhere-live-60.txt": lambda: recorded.live(60, 14, OF),
    "elsewhere-live-100.txt": lambda: recorded.live(100, 24, OF),
    "elsewhere-log.jsonl": lambda: recorded.log_file(OF),
    "elsewhere-middle.html": lambda: render_html(record(OF, MIDDLE), Logs(), "/home/ann/weather"),
    "elsewhere-middle.json": lambda: render_json_report(record(OF, MIDDLE), Logs()),
    "elsewhere-middle.prom": lambda: render_prometheus(record(OF, MIDDLE)),
    "elsewhere-middle.xml": lambda: render_junit(record(OF, MIDDLE), Logs(), True),
    "elsewhere-plain.txt": lambda: recorded.plain(NoGrouping(), OF),
    "elsewhere-quiet.txt": lambda: recorded.quiet(OF),
    "elsewhere-report.html": lambda: render_html(record(OF), Logs(), "/home/ann/weather"),
    "elsewhere-report.json": lambda: render_json_report(record(OF), Logs()),
    "elsewhere-report.md": lambda: render_markdown(record(OF), Logs()),
    "elsewhere-run.mermaid": lambda: render_run_mermaid(record(OF, MIDDLE)),
    "elsewhere-run.prom": lambda: render_prometheus(record(OF)),
    "elsewhere-show-80.txt": lambda: _show(80),
    "elsewhere-show-120.txt": lambda: _show(120),
    "elsewhere-stream.txt": lambda: recorded.stream(NoGrouping(), OF),
    "elsewhere-summary-60.txt": lambda: recorded.summary(60, ASCII, OF),
    "elsewhere-summary-100.txt": lambda: recorded.summary(100, TEXT, OF),
    "elsewhere-telemetry.json": _telemetry,
    "elsewhere-trace.json": lambda: render_trace(record(OF)),
    "elsewhere-wfformat.json": lambda: render_wfformat(record(OF)),
    "elsewhere-why.txt": lambda: _all_why(1e9),
    "elsewhere-why-middle.txt": lambda: _all_why(MIDDLE),
    "elsewhere-why-middle.json": lambda: _why_json(MIDDLE),
}


def _show(width: int) -> str:
    return render_show(record(OF, MIDDLE), width, TEXT, Logs(), timezone.utc)
