"""The faults of workflow files for other programs, as `schemas/faults.schema.json` says. Pure."""

from __future__ import annotations

import json
from typing import Sequence

from orchestra.errors import Fault
from orchestra.reports.fault_text import encodable


def render_faults_json(faults: Sequence[Fault]) -> str:
    """The faults of all files as one JSON list; `path` is dotted text."""
    entries = [
        {
            "file": encodable(fault.file),
            "line": fault.line,
            "column": fault.column,
            "path": dotted(fault),
            "severity": fault.severity,
            "code": fault.code,
            "name": fault.name,
            "message": encodable(fault.message),
            "suggestion": encodable(fault.suggestion),
        }
        for fault in faults
    ]
    return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"


def dotted(fault: Fault) -> str:
    """The path of a fault as text: `steps.build.needs[0]`."""
    words = ""
    for part in fault.path:
        if isinstance(part, int):
            words += "[%d]" % part
        else:
            words += ("." if words else "") + encodable(part)
    return words
