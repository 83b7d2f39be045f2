"""What the cases of tests came to, for programs, as `schemas/trials.schema.json` says. Pure."""

from __future__ import annotations

from typing import Any, Dict, Sequence

from orchestra.model.json_text import json_text
from orchestra.model.verdict import Tried, Verdict
from orchestra.reports.story import story_lines

TRIALS_FORMAT = 1


def render_trials_json(tried: Sequence[Tried]) -> str:
    """The verdicts for programs: by file and case, times in seconds."""
    files = [{"file": each.file, "cases": list(map(_data, each.verdicts))} for each in tried]
    passed = not any(each.failed for each in tried)
    return json_text({"format": TRIALS_FORMAT, "passed": passed, "files": files}, indent=2) + "\n"


def _data(verdict: Verdict) -> Dict[str, Any]:
    return {
        "name": verdict.name,
        "line": verdict.line,
        "column": verdict.column,
        "passed": verdict.has_passed,
        "elapsed_s": None if verdict.elapsed_s is None else round(verdict.elapsed_s, 6),
        "mismatches": [
            {**mismatch._asdict(), "steps": list(mismatch.steps)} for mismatch in verdict.mismatches
        ],
        "story": story_lines(verdict.story, verdict.started_at),
    }
