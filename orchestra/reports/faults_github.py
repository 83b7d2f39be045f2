"""The faults of workflow files as annotations of GitHub Actions. Pure.

Source: actions/toolkit, packages/core/src/command.ts, escapeData and escapeProperty.
"""

from __future__ import annotations

from typing import Sequence

from orchestra.errors import Fault
from orchestra.reports.fault_text import encodable, sentence, title

_IN_DATA = (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"))
_IN_PROPERTY = (*_IN_DATA, (":", "%3A"), (",", "%2C"))


def render_faults_github(faults: Sequence[Fault]) -> str:
    """The faults one a line, whatever their texts hold."""
    return "".join(
        "::%s file=%s,line=%d,col=%d,title=%s::%s\n"
        % (
            fault.severity,
            _property(encodable(fault.file)),
            fault.line,
            fault.column,
            _property(title(fault)),
            _data(sentence(fault)),
        )
        for fault in faults
    )


def _data(text: str) -> str:
    for raw, escaped in _IN_DATA:
        text = text.replace(raw, escaped)
    return text


def _property(text: str) -> str:
    for raw, escaped in _IN_PROPERTY:
        text = text.replace(raw, escaped)
    return text
