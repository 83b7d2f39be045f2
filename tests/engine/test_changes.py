"""Which steps are defined differently in another version of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Tuple

import pytest

from orchestra.engine.changes import ADDED, REMOVED, changed_steps
from orchestra.model.workflow import Workflow
from orchestra.spec.load import load

BEFORE = """
vars: {where: /srv, deep: "${{ vars.where }}/deep"}
env: {MODE: fast}
steps:
  a: {run: echo a, retry: 1}
  b: {needs: a, run: 'ls ${{ vars.deep }}'}
  c:
    steps:
      d: {run: echo d}
      e: {needs: d, run: echo e}
  f: {uses: ./used.yaml, with: {n: 1}}
  g: {matrix: {x: [1, 2]}, run: 'echo ${{ matrix.x }}', fallback: {run: echo no}}
"""
USED = "params: {n: 0}\nsteps:\n  u: {run: 'echo ${{ params.n }}'}\n  v: {run: echo v}\n"


def loaded(folder: Path, text: str, used: str = USED) -> Workflow:
    (folder / "used.yaml").write_text(used)
    found = load(str(folder / "p.yaml"), text.encode()).workflow
    assert found is not None
    return found


def changes(folder: Path, text: str, used: str = USED) -> Dict[str, Tuple[str, ...]]:
    return changed_steps(loaded(folder, BEFORE), loaded(folder, text, used))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("echo a,", "echo b,", {"a": ("what it runs",)}),
        ("run: echo a", "command: [echo, a]", {"a": ("what it runs",)}),
        ("needs: a, run", "run", {"b": ("needs",)}),
        ("/srv,", "/mnt,", {"b": ("vars.deep",)}),
        ("echo d", "echo f", {"c/d": ("what it runs",)}),
        ("needs: d, ", "", {"c/e": ("needs",)}),
        ("n: 1", "n: 2", {"f": ("with",)}),
        ("[1, 2]", "[1, 3]", {"g": ("matrix or foreach",)}),
        ("[1, 2]", "[true, 2]", {"g": ("matrix or foreach",)}),
        ("echo no", "echo so", {"g": ("fallback",)}),
        ("      e: {needs: d, run: echo e}\n", "", {"c/e": (REMOVED,)}),
        ("      d: {run", "      z: {run: 'true'}\n      d: {run", {"c/z": (ADDED,)}),
        ("  a: {run: echo a,", "  a: {env: {X: y}, run: echo a,", {"a": ("env",)}),
        ("  a: {run: echo a,", "  a: {if: 1 < 2, run: echo a,", {"a": ("if",)}),
    ],
)
def test_what_a_step_does_and_depends_on_counts(
    tmp_path: Path, old: str, new: str, expected: Dict[str, Tuple[str, ...]]
) -> None:
    assert old in BEFORE
    assert changes(tmp_path, BEFORE.replace(old, new)) == expected


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("retry: 1", "retry: 5"),
        ("retry: 1", "timeout: 3s"),
        ("retry: 1", "retry: 1, name: Another, description: words, priority: 4, duration: 3s"),
        ("retry: 1", "retry: 1, resources: {cpu: 2}, mutex: m, on_failure: {run: echo}"),
        ("retry: 1", "retry: 1, executor: slurm, slurm: {partition: p}"),
        ("vars:", "executor: slurm\nslurm: {partition: p}\nvars:"),
        ("vars:", "# a comment\nname: flow\nvars:"),
        ("{where: /srv,", "{where: /srv, more: 3,"),
    ],
)
def test_how_a_step_is_run_does_not(tmp_path: Path, old: str, new: str) -> None:
    assert changes(tmp_path, BEFORE.replace(old, new)) == {}


def test_the_order_of_steps_does_not(tmp_path: Path) -> None:
    head, _, steps = BEFORE.partition("  a: ")
    line, _, rest = steps.partition("\n")
    assert changes(tmp_path, "%s%s  a: %s\n" % (head, rest, line)) == {}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("needs: [a, b]", "needs: [b, a]"),
        ("needs: [a, b]", "needs: [b, {step: a, when: success}]"),
        ("inherit_env: [HOME, PATH]", "inherit_env: [PATH, HOME]"),
        ("exit_codes: [1, 2]", "exit_codes: [2, 1]"),
        ("success_codes: [0, 3]", "success_codes: [3, 0]"),
        ("skip_codes: [4, 5]", "skip_codes: [5, 4]"),
        ("inherit_env: [LANG, HOME]", "inherit_env: [HOME, LANG]"),
    ],
)
def test_the_order_of_a_list_that_is_a_set_does_not(tmp_path: Path, old: str, new: str) -> None:
    text = """
inherit_env: [LANG, HOME]
steps:
  a: {run: echo a}
  b: {run: echo b}
  c:
    needs: [a, b]
    inherit_env: [HOME, PATH]
    allow_failure: {exit_codes: [1, 2]}
    success_codes: [0, 3]
    skip_codes: [4, 5]
    command: [echo, c]
"""
    assert old in text
    assert changed_steps(loaded(tmp_path, text), loaded(tmp_path, text.replace(old, new))) == {}


def test_the_order_of_words_and_of_env_files_counts(tmp_path: Path) -> None:
    before = "env_file: [a, b]\nsteps:\n  a: {command: [echo, x, y]}\n"
    (tmp_path / "a").touch()
    (tmp_path / "b").touch()
    for_all = before.replace("a, b", "b, a")
    for_one = before.replace("x, y", "y, x")
    assert changed_steps(loaded(tmp_path, before), loaded(tmp_path, for_all)) == {
        "a": ("env_file of the workflow",)
    }
    assert changed_steps(loaded(tmp_path, before), loaded(tmp_path, for_one)) == {
        "a": ("what it runs",)
    }


def test_the_environment_of_the_workflow_counts_for_all(tmp_path: Path) -> None:
    found = changes(tmp_path, BEFORE.replace("fast", "slow"))

    assert set(found) == {"a", "b", "c/d", "c/e", "f", "g"}
    assert found["a"] == ("env of the workflow",)


def test_of_a_file_that_is_used_the_step_counts_that_is_changed(tmp_path: Path) -> None:
    assert changes(tmp_path, BEFORE, USED.replace("echo v", "echo w")) == {"f/v": ("what it runs",)}


def test_where_the_file_that_is_used_has_another_root_its_step_counts(tmp_path: Path) -> None:
    expected = {"f": ("env of what it uses",)}
    assert changes(tmp_path, BEFORE, "env: {A: b}\n" + USED) == expected


def test_how_python_is_started_does_not_count(tmp_path: Path) -> None:
    text = "steps: {a: {python: {module: m%s}, fallback: {python: {module: n%s}}}}\n"
    old, new = (
        loaded(tmp_path, text % ("", "")),
        loaded(tmp_path, text % ((", preload: [json]",) * 2)),
    )
    assert changed_steps(old, new) == {}
