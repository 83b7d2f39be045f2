"""Data that are almost workflows: the schema's own examples with junk among them."""

from __future__ import annotations

import json
from typing import Any, Dict, List

from hypothesis import strategies as st

from orchestra.spec.schema import schema_text

SCHEMA: Dict[str, Any] = json.loads(schema_text())
ROOT: Dict[str, Any] = SCHEMA["properties"]
STEP: Dict[str, Any] = SCHEMA["$defs"]["step"]["properties"]

JUNK: List[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    3.0,
    10**20,
    "",
    "x",
    "a\n",
    "90",
    "90s",
    "${{ x }}",
    "bash",
    "cpu",
    [],
    ["x"],
    ["a", 1],
    [0, 3],
    [300],
    [None],
    {},
    {"x": 1},
    {"A": "b", "C=D": 1},
    {"step": "a"},
    {"step": "a", "when": "done"},
    {"max": 1, "when": {}},
    {"max": 1, "when": {"exit_codes": [1], "signals": ["KILL"]}},
    {"exit_codes": [1]},
    {"cpu": 0.5, "memory": "1GiB", "gpu": 1, "x y": 1},
    {"cpu": "500m", "memory": 1, "db": "${{ x }}"},
    {"file": "a", "args": [1]},
    {"call": "a.b:c", "args": {"x": None}},
    {"call": "a b"},
    {"rows": "int", "x": "integer"},
    {"signal": "SIGINT", "grace": "0s"},
    [{"if": "x", "message": "y"}, {"if": "x"}],
    {"type": "int", "enum": []},
    {"a": {"type": "int", "min": "x"}, "b": None, "c": [1]},
]


def _values(rules: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from([*rules.get("examples", []), *JUNK])


STEPS = st.fixed_dictionaries({}, optional={key: _values(rules) for key, rules in STEP.items()})
WORKFLOWS = st.fixed_dictionaries(
    {"steps": st.dictionaries(st.sampled_from(["a", "B", "c-1", "1x"]), STEPS, max_size=3)},
    optional={
        **{key: _values(rules) for key, rules in ROOT.items() if key != "steps"},
        "other": st.just(1),
    },
)
