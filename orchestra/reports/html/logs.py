"""The end of what an attempt wrote, as HTML, and a link to all of it. Reads by its reader."""

from __future__ import annotations

import os
from html import escape
from typing import Optional

from orchestra.model.log_excerpt import LogReader, last_lines
from orchestra.model.record import Attempt
from orchestra.model.units import format_size
from orchestra.reports.html.markup import href, text

_MOST_LINES = 400


class PageLogs:
    """The logs of a run as seen from a page in `folder` (absolute; None: links are absolute)."""

    def __init__(self, logs: Optional[LogReader], folder: Optional[str]) -> None:
        self._logs = logs
        self._folder = folder

    def link(self, path: str, words: str) -> str:
        """A link to a file of the run's folder; only the words where there is no such folder."""
        if self._logs is None:
            return escape(words)
        target = self._logs.path(path)
        if self._folder is not None:
            target = os.path.relpath(target, self._folder)
        return '<a href="%s">%s</a>' % (href(target), escape(words))

    def tail(self, attempt: Attempt, most_bytes: int, most_lines: int = _MOST_LINES) -> str:
        """The last part of the attempt's log; empty where it wrote nothing."""
        if attempt.log is None or self._logs is None or most_bytes <= 0:
            return ""
        excerpt = self._logs.read(attempt.log, 0, most_bytes)
        if excerpt.problem:
            return '<p class="quiet">The log cannot be read: %s.</p>\n' % text(excerpt.problem)
        lines, lines_before = last_lines(excerpt, most_lines)
        before = ""
        if excerpt.cut_bytes:
            before = "<i>… %s before this</i>\n" % format_size(excerpt.cut_bytes)
        elif lines_before:
            before = "<i>… %d lines before this</i>\n" % lines_before
        return '<pre tabindex="0">%s%s</pre>\n' % (before, escape("\n".join(lines)))
