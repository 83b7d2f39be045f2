"""Every golden file by name, and how its text is made anew."""

from __future__ import annotations

from datetime import timezone
from typing import Callable, Dict

from orchestra.model.json_text import json_text
from orchestra.model.look import Look
from orchestra.model.run import RunState
from orchestra.model.run_rows import PrunedRun, RunRow
from orchestra.reports.comparison_json import render_comparison_json
from orchestra.reports.comparison_markdown import render_comparison_markdown
from orchestra.reports.comparison_text import render_comparison
from orchestra.reports.graph.plan_svg import render_plan_svg
from orchestra.reports.graph.plan_text import render_dot, render_mermaid
from orchestra.reports.graph.run_graph import render_run_svg
from orchestra.reports.graph.run_text import render_run_dot, render_run_mermaid
from orchestra.reports.history import render_runs, render_show, runs_json
from orchestra.reports.html.page import render_html
from orchestra.reports.json_report import render_json_report
from orchestra.reports.junit_report import render_junit
from orchestra.reports.markdown_report import render_markdown
from orchestra.reports.plan_json import render_plan_json
from orchestra.reports.plan_table import render_plan_table
from orchestra.reports.prometheus_report import render_prometheus
from orchestra.reports.pruned import pruned_json, render_pruned
from orchestra.reports.trace_report import render_trace
from orchestra.reports.trials import render_trials
from orchestra.reports.trials_json import render_trials_json
from orchestra.reports.trials_junit import render_trials_junit
from orchestra.reports.wfformat_report import render_wfformat
from orchestra.reports.why import render_why, render_why_json
from orchestra.subscribers.grouping import GithubGrouping, GitlabGrouping, NoGrouping
from tests.golden import comparisons, recorded
from tests.golden.elsewhere import ELSEWHERE
from tests.golden.plans import PREDICTION, nightly
from tests.golden.trials import NIGHTLY, TRIED

FULL = Look(color=True)
TEXT = Look()
ASCII = Look(unicode=False)
ROWS = (
    RunRow(
        "20261122-101500-k3fz",
        "nightly",
        "/w/n.yaml",
        RunState.FAILED,
        1795342500.0,
        96.6,
        1,
        1,
        10,
    ),
    RunRow(
        "20261122-120000-9q2a",
        "nightly",
        "/w/n.yaml",
        RunState.SUCCEEDED,
        1795348800.0,
        88.0,
        0,
        0,
        10,
    ),
    RunRow(
        "20261122-130000-77xx",
        "hourly",
        "/w/h.yaml",
        RunState.RUNNING,
        1795352400.0,
        None,
        None,
        0,
        3,
        True,
    ),
    RunRow(
        "20261122-140000-0a0b",
        "hourly",
        "/w/h.yaml",
        RunState.RUNNING,
        1795356000.0,
        None,
        None,
        0,
        3,
        False,
    ),
)
PRUNED = (
    PrunedRun("20260101-101500-0c3f", "", None, 28080000.0, 8192),
    PrunedRun("20261022-101500-3a3f", "nightly", RunState.FAILED, 2678400.5, 48_332_800),
    PrunedRun("20261122-101500-1a2b", "a \x1b[2J name that is long", RunState.RUNNING, 59.0, 0),
)


def _visible(text: str) -> str:
    return text.replace("\x1b", "\\e").replace("\r", "\\r")


CASES: Dict[str, Callable[[], str]] = {
    "summary-40.txt": lambda: recorded.summary(40, TEXT),
    "summary-80.txt": lambda: recorded.summary(80, TEXT),
    "summary-120.txt": lambda: recorded.summary(120, TEXT),
    "summary-ascii-80.txt": lambda: recorded.summary(80, ASCII),
    "summary-color-80.txt": lambda: _visible(recorded.summary(80, FULL)),
    "live-40.txt": lambda: recorded.live(40, 12),
    "live-80.txt": lambda: recorded.live(80, 24),
    "live-120.txt": lambda: recorded.live(120, 40),
    "plain.txt": lambda: recorded.plain(NoGrouping()),
    "plain-github.txt": lambda: recorded.plain(GithubGrouping("5up3rs3cr3t")),
    "plain-gitlab.txt": lambda: _visible(recorded.plain(GitlabGrouping())),
    "stream.txt": lambda: recorded.stream(NoGrouping()),
    "stream-github.txt": lambda: recorded.stream(GithubGrouping("5up3rs3cr3t")),
    "quiet.txt": recorded.quiet,
    "events-output.jsonl": recorded.json_lines,
    "log.jsonl": recorded.log_file,
    "alert.json": lambda: json_text(recorded.alert().data, indent=2) + "\n",
    "alert.txt": lambda: recorded.alert().text,
    "report.json": lambda: render_json_report(recorded.record(), recorded.Logs()),
    "report.html": lambda: render_html(recorded.record(), recorded.Logs(), "/home/ann/weather"),
    "graph.svg": lambda: render_run_svg(recorded.record()),
    "wfformat.json": lambda: render_wfformat(recorded.record()),
    "report.md": lambda: render_markdown(recorded.record(), recorded.Logs()),
    "junit.xml": lambda: render_junit(recorded.record(), recorded.Logs()),
    "trace.json": lambda: render_trace(recorded.record()),
    "run.prom": lambda: render_prometheus(recorded.record()),
    "run.mermaid": lambda: render_run_mermaid(recorded.record()),
    "run.dot": lambda: render_run_dot(recorded.record()),
    "run-expanded.mermaid": lambda: render_run_mermaid(recorded.record(), expanded=True),
    "run-expanded.dot": lambda: render_run_dot(recorded.record(), expanded=True),
    "show-80.txt": lambda: render_show(recorded.record(), 80, TEXT, recorded.Logs(), timezone.utc),
    "runs-80.txt": lambda: render_runs(ROWS, 80, TEXT, timezone.utc),
    "runs-40.txt": lambda: render_runs(ROWS, 40, TEXT, timezone.utc),
    "runs.json": lambda: runs_json(ROWS),
    "prune-80.txt": lambda: render_pruned(PRUNED, "/w/.orchestra", 80, TEXT, False),
    "prune-40.txt": lambda: render_pruned(PRUNED, "/w/.orchestra", 40, TEXT, True),
    "prune.json": lambda: pruned_json(PRUNED, True),
    "why.json": lambda: render_why_json(recorded.record(), "publish", 0.0),
    "why.txt": lambda: "".join(
        render_why(recorded.record(), step, 0.0, TEXT) for step in recorded.record().step_by_id
    ),
    "against-60.txt": lambda: render_comparison(comparisons.nightly(), 60, ASCII),
    "against-100.txt": lambda: render_comparison(comparisons.nightly(), 100, TEXT),
    "against-same.txt": lambda: render_comparison(comparisons.unchanged(), 80, TEXT),
    "against.json": lambda: render_comparison_json(comparisons.nightly()),
    "against.md": lambda: render_comparison_markdown(comparisons.nightly()),
    "trials.txt": lambda: render_trials(TRIED, TEXT),
    "trials-ascii-color.txt": lambda: _visible(
        render_trials([NIGHTLY], Look(color=True, unicode=False))
    ),
    "trials.xml": lambda: render_trials_junit(TRIED),
    "trials.json": lambda: render_trials_json(TRIED),
    "plan-60.txt": lambda: render_plan_table(nightly(), PREDICTION, 60, TEXT),
    "plan-100.txt": lambda: render_plan_table(nightly(), PREDICTION, 100, TEXT),
    "plan.json": lambda: render_plan_json(nightly(), PREDICTION),
    "plan.mermaid": lambda: render_mermaid(nightly()),
    "plan.svg": lambda: render_plan_svg(nightly()),
    "plan.dot": lambda: render_dot(nightly()),
    **ELSEWHERE,
}
