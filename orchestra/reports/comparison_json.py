"""A plan beside an earlier version for programs, as `schemas/against.schema.json` says. Pure."""

from __future__ import annotations

from typing import Any, Dict

from orchestra.model.comparison import Comparison, FieldChange, StepComparison
from orchestra.model.json_text import json_text

AGAINST_FORMAT = 1


def render_comparison_json(comparison: Comparison) -> str:
    """The comparison as indented JSON with a line feed at its end."""
    against = comparison.against
    state = against.run_state
    data = {
        "format": AGAINST_FORMAT,
        "workflow": comparison.workflow,
        "against": {
            "kind": "git" if state is None else "run",
            "name": against.name,
            "commit": against.commit or None,
            "state": None if state is None else state.value,
            "has_file": against.has_file,
        },
        "is_same": comparison.is_same,
        "root": [_field(each) for each in comparison.root],
        "params": [_field(each) for each in comparison.params],
        "steps": [_step(each) for each in comparison.steps],
        "notes": list(comparison.notes),
    }
    return json_text(data, indent=2) + "\n"


def _step(step: StepComparison) -> Dict[str, Any]:
    return {
        "id": step.id,
        "change": step.change.value,
        "was": step.was or None,
        "fields": [_field(each) for each in step.fields],
        "will": None if step.will is None else step.will.value,
        "causes": [cause.value for cause in step.causes],
        "why": step.why,
        "then": None if step.then is None else step.then.value,
        "on_resume": None if step.on_resume is None else step.on_resume.value,
    }


def _field(change: FieldChange) -> Dict[str, Any]:
    return {
        "field": change.field,
        "old": change.old,
        "new": change.new,
        "counts": change.counts,
        "line": change.line or None,
        "note": change.note,
    }
