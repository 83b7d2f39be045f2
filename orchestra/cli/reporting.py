"""The formats of a run's report, and what makes the text of each, which imports what it uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Mapping

if TYPE_CHECKING:
    from orchestra.model.run import RunRecord
    from orchestra.reports.log_file import LogFolder


def _json(record: RunRecord, logs: LogFolder, expanded: bool) -> str:
    from orchestra.reports.json_report import render_json_report

    return render_json_report(record, logs)


def _junit(record: RunRecord, logs: LogFolder, expanded: bool) -> str:
    from orchestra.reports.junit_report import render_junit

    return render_junit(record, logs)


def _markdown(record: RunRecord, logs: LogFolder, expanded: bool) -> str:
    from orchestra.reports.markdown_report import render_markdown

    return render_markdown(record, logs, logs.text)


def _trace(record: RunRecord, logs: LogFolder, expanded: bool) -> str:
    from orchestra.reports.trace_report import render_trace

    return render_trace(record)


def _mermaid(record: RunRecord, logs: LogFolder, expanded: bool) -> str:
    from orchestra.reports.run_graph import render_run_mermaid

    return render_run_mermaid(record, expanded)


def _dot(record: RunRecord, logs: LogFolder, expanded: bool) -> str:
    from orchestra.reports.run_graph import render_run_dot

    return render_run_dot(record, expanded)


def _wfformat(record: RunRecord, logs: LogFolder, expanded: bool) -> str:
    from orchestra.reports.wfformat_report import render_wfformat

    return render_wfformat(record)


Renderer = Callable[["RunRecord", "LogFolder", bool], str]
"""Makes the text of a run's report; graphs are drawn whole, or `expanded` with each instance."""

RENDERERS: Mapping[str, Renderer] = {
    "json": _json,
    "junit": _junit,
    "markdown": _markdown,
    "trace": _trace,
    "mermaid": _mermaid,
    "dot": _dot,
    "wfformat": _wfformat,
}
