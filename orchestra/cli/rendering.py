"""The reports of a run by their formats; each imports what it alone uses."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Callable, Dict, Optional

if TYPE_CHECKING:
    from orchestra.model.run import RunRecord

Renderer = Callable[["RunRecord", str, Optional[str]], str]
"""Makes the text of a report from a run, its folder, and the file it is for (None: no file)."""


def render(format: str, record: RunRecord, folder: str, path: Optional[str] = None) -> str:
    """The report of a run in one of `FORMATS`."""
    return _RENDERERS[format](record, folder, path)


def _json(record: RunRecord, folder: str, path: Optional[str]) -> str:
    from orchestra.reports.json_report import render_json_report
    from orchestra.reports.log_file import LogFolder

    return render_json_report(record, LogFolder(folder))


def _html(record: RunRecord, folder: str, path: Optional[str]) -> str:
    from orchestra.reports.html.page import render_html
    from orchestra.reports.log_file import LogFolder

    lies_in = None
    if path is not None and (os.path.isfile(path) or not os.path.exists(path)):
        lies_in = os.path.dirname(os.path.realpath(path))  # not so for a pipe or a terminal
    folder = os.path.realpath(folder)
    state_dir = os.path.dirname(os.path.dirname(folder))
    return render_html(record, LogFolder(folder), lies_in, state_dir)


def _svg(record: RunRecord, folder: str, path: Optional[str]) -> str:
    from orchestra.reports.graph.run_graph import render_run_svg

    return render_run_svg(record)


def _wfformat(record: RunRecord, folder: str, path: Optional[str]) -> str:
    from orchestra.reports.wfformat_report import render_wfformat

    return render_wfformat(record)


_RENDERERS: Dict[str, Renderer] = {
    "json": _json,
    "html": _html,
    "svg": _svg,
    "wfformat": _wfformat,
}
FORMATS = tuple(_RENDERERS)
