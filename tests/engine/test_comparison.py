"""What differs between two versions of a file, as text, and which steps go by another name."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Optional, Tuple

import pytest

from orchestra.engine.changes import root_differences, step_differences
from orchestra.engine.comparison import renamed as renamed_in
from orchestra.engine.fieldtexts import field_changes
from orchestra.model.comparison import FieldChange
from orchestra.model.workflow import Workflow
from orchestra.spec.load import load

LONG = "x" * 200


def loaded(folder: Path, steps: str) -> Workflow:
    found = load(str(folder / "p.yaml"), ("version: 1\n" + steps).encode()).workflow
    assert found is not None
    return found


def fields(folder: Path, old: str, new: str) -> Dict[str, Tuple[Optional[str], Optional[str]]]:
    """The fields of step `a` that differ, with both values."""
    both = [loaded(folder, "steps: {b: {run: x}, a: {%s}}\n" % each) for each in (old, new)]
    found = step_differences(*both).get("a", ())
    return {c.field: (c.old, c.new) for each in found for c in field_changes(each)}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("run: x", "run: y", {"run": ("x", "y")}),
        ("run: 'x ${{ env.A }}'", "run: x", {"run": ("x ${{ env.A }}", "x")}),
        ("run: x", "command: [x]", {"what it runs": ("run: x", 'command: ["x"]')}),
        ("run: x", "", {"what it runs": ("run: x", "nothing")}),
        ("run: x, shell: sh", "run: x", {"shell": ("sh", "bash")}),
        ("run: x", "run: x, needs: b", {"needs": (None, '["b"]')}),
        ("run: x", "run: x, if: 1 < 2", {"if": (None, "1 < 2")}),
        ("run: x, env: {A: b}", "run: x, env: {A: c}", {"env.A": ("b", "c")}),
        ("run: x", "run: x, resources: {memory: 1GiB}", {"resources.memory": (None, "1 GiB")}),
        ("run: x, timeout: 1m", "run: x", {"timeout": ("1m00s", None)}),
        ("run: x", "run: x, retry: 2", {"retry": (None, '{"max":2}')}),
        ("run: x", "run: %s" % LONG, {"run": (None, None)}),
        ('run: "1\\n2\\n3"', 'run: "1\\ntwo\\n3"', {"run": ("2", "two")}),
        ("matrix: {n: [1]}, run: x", "foreach: [1], run: x", {"matrix or foreach": ()}),
    ],
)
def test_values_are_told_as_the_author_wrote_them(
    tmp_path: Path, old: str, new: str, expected: Dict[str, Tuple[str, ...]]
) -> None:
    found = fields(tmp_path, old, new)
    assert {key: found[key] if values else () for key, values in expected.items()} == expected
    assert found.keys() == expected.keys()


def test_the_line_is_told_from_which_a_script_differs(tmp_path: Path) -> None:
    old, new = (
        loaded(tmp_path, 'steps: {a: {run: "1\\n%s\\n3"}}\n' % line) for line in ("2", "two")
    )
    [difference] = step_differences(old, new)["a"]
    assert [*field_changes(difference)] == [FieldChange("run", "2", "two", line=2)]


def test_what_differs_beside_the_steps_is_told(tmp_path: Path) -> None:
    old = loaded(tmp_path, "env: {A: b}\nbudget: {db: 1}\nsteps: {a: {run: x}}\n")
    new = loaded(tmp_path, "env: {A: c}\nbudget: {db: 2}\nsteps: {a: {run: x}}\n")
    found = [c for each in root_differences(old, new) for c in field_changes(each)]
    assert found == [
        FieldChange("env.A", "b", "c"),
        FieldChange("budget.db", "1", "2", counts=False),
    ]


def renamed(folder: Path, old: List[str], new: List[str]) -> Dict[str, str]:
    """Of steps that all run the same."""
    both = [loaded(folder, "steps: {%s}\n" % ", ".join(each)) for each in (old, new)]
    return renamed_in(step_differences(*both))


def test_a_step_that_is_like_one_that_is_gone_is_that_one_by_another_name(tmp_path: Path) -> None:
    assert renamed(tmp_path, ["a: {run: x}"], ["b: {run: x}"]) == {"b": "a"}
    inner = "%s: {steps: {i: {run: x}}}"
    assert renamed(tmp_path, [inner % "a"], [inner % "b"]) == {"b": "a"}


def test_a_name_is_not_guessed(tmp_path: Path) -> None:
    assert renamed(tmp_path, ["a: {run: x}"], ["b: {run: x}", "c: {run: x}"]) == {}
    assert renamed(tmp_path, ["a: {run: x}"], ["b: {run: y}"]) == {}
