"""The formats of a run's report, and what makes the text of each, which imports what it uses."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Callable, Mapping, NamedTuple

if TYPE_CHECKING:
    from orchestra.model.record import RunRecord
    from orchestra.reports.log_file import LogFolder


class Subject(NamedTuple):
    """What a report is of. A run that is `cut_off` has not ended, and nobody drives it.

    `path` is where it is to lie, `-` for standard output; a graph draws each part of a step where
    it is to be `expanded`.
    """

    record: RunRecord
    logs: LogFolder
    cut_off: bool = False
    path: str = "-"
    expanded: bool = False


def _json(run: Subject) -> str:
    from orchestra.reports.json_report import render_json_report

    return render_json_report(run.record, run.logs, run.cut_off)


def _html(run: Subject) -> str:
    from orchestra.reports.html.page import render_html

    lies_in = None
    if run.path != "-" and (os.path.isfile(run.path) or not os.path.exists(run.path)):
        lies_in = os.path.dirname(os.path.realpath(run.path))  # not so for a pipe or a terminal
    state_dir = os.path.dirname(os.path.dirname(os.path.realpath(run.logs.path(""))))
    return render_html(run.record, run.logs, lies_in, state_dir, run.cut_off)


def _svg(run: Subject) -> str:
    from orchestra.reports.graph.run_graph import render_run_svg

    return render_run_svg(run.record, run.expanded)


def _junit(run: Subject) -> str:
    from orchestra.reports.junit_report import render_junit

    return render_junit(run.record, run.logs, run.cut_off)


def _markdown(run: Subject) -> str:
    from orchestra.reports.markdown_report import render_markdown

    return render_markdown(run.record, run.logs, run.logs.text, run.cut_off)


def _trace(run: Subject) -> str:
    from orchestra.reports.trace_report import render_trace

    return render_trace(run.record)


def _mermaid(run: Subject) -> str:
    from orchestra.reports.graph.run_text import render_run_mermaid

    return render_run_mermaid(run.record, run.expanded)


def _dot(run: Subject) -> str:
    from orchestra.reports.graph.run_text import render_run_dot

    return render_run_dot(run.record, run.expanded)


def _wfformat(run: Subject) -> str:
    from orchestra.reports.wfformat_report import render_wfformat

    return render_wfformat(run.record, run.cut_off)


def _prometheus(run: Subject) -> str:
    from orchestra.reports.prometheus_report import render_prometheus

    return render_prometheus(run.record, run.cut_off)


RENDERERS: Mapping[str, Callable[[Subject], str]] = {
    "json": _json,
    "html": _html,
    "svg": _svg,
    "junit": _junit,
    "markdown": _markdown,
    "trace": _trace,
    "mermaid": _mermaid,
    "dot": _dot,
    "wfformat": _wfformat,
    "prometheus": _prometheus,
}
