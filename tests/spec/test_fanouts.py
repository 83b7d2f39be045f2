"""`matrix` and `foreach`: how they are read, and what is refused where."""

from __future__ import annotations

from typing import List, Tuple

import pytest

from orchestra.model.expression import Expression
from orchestra.model.workflow import Foreach, InnerSteps, Matrix
from orchestra.spec.load import load


def faults(step: str) -> List[Tuple[int, str, str, str]]:
    text = "version: 1\nparams: {n: 3}\nsteps:\n  first: {run: 'true'}\n  a:\n    needs: first\n"
    lines = "".join("    %s\n" % line for line in step.splitlines())
    loaded = load("/w/flow.yaml", (text + lines).encode())
    return [(f.line, f.severity, f.code, f.message) for f in loaded.faults]


def test_steps_in_a_step_are_read_and_see_what_is_around_them() -> None:
    data = b"""version: 1
params: {n: 1}
steps:
  a:
    foreach: [x]
    steps:
      one: {run: "echo ${{ item }} ${{ params.n }}", outputs: {o: int}}
      two: {needs: one, run: "echo ${{ steps.one.outputs.o }} ${{ steps.first.state }}"}
    needs: first
  first: {run: "true"}
"""
    loaded = load("/w/flow.yaml", data)
    assert loaded.faults == ()
    assert loaded.workflow is not None
    body = loaded.workflow.step_by_id["a"].body
    assert isinstance(body, InnerSteps)
    assert [(step.id, step.place) for step in body.step_by_id.values()] == [("one", 0), ("two", 1)]


def test_lists_and_expressions_are_read() -> None:
    data = b"""version: 1
steps:
  a: {foreach: [1, x], run: "true", max_parallel: 2, fail_fast: true}
  b: {foreach: "${{ range(3) }}", run: "true"}
  c: {matrix: {py: ["3.9"], include: [{os: x}], exclude: [{py: "3"}]}, run: "true"}
"""
    workflow = load("/w/flow.yaml", data).workflow
    assert workflow is not None
    a, b, c = workflow.step_by_id.values()
    assert (a.fan_out, a.max_parallel, a.fail_fast) == (Foreach([1, "x"]), 2, True)
    assert isinstance(b.fan_out, Foreach)
    assert isinstance(b.fan_out.items.parts[0], Expression)  # type: ignore[union-attr]
    assert c.fan_out == Matrix({"py": ["3.9"]}, [{"os": "x"}], [{"py": "3"}])


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (
            "run: echo ${{ item }}",
            (7, "error", "unknown-name", "`item` is only in a step with `foreach`"),
        ),
        (
            "run: echo ${{ matrix.py }}",
            (7, "error", "unknown-name", "`matrix` is only in a step with `matrix`"),
        ),
        (
            "matrix: {py: ['3']}\nrun: echo ${{ matrix.pi }}",
            (8, "error", "unknown-axis", "`pi` is no axis"),
        ),
        (
            "matrix: {py: [3.10]}\nrun: 'true'",
            (7, "error", "unclear-number", "`3.10` is read as the number 3.1"),
        ),
        (
            "foreach: [1e3]\nrun: 'true'",
            (7, "error", "unclear-number", "`1e3` is read as the number 1000.0"),
        ),
        (
            "matrix: {py: [a]}\nforeach: [b]\nrun: 'true'",
            (8, "error", "two-fan-outs", "`a` already has `matrix`"),
        ),
        (
            "matrix: {exclude: [{a: 1}]}\nrun: 'true'",
            (7, "error", "empty-matrix", "this matrix has neither an axis nor a row to include"),
        ),
        (
            "foreach: steps.first.outputs.x\nrun: 'true'",
            (7, "error", "type", "this is text, and a list or an expression is wanted"),
        ),
        (
            "matrix: {a: '${{ steps.first.state }}'}\nrun: 'true'",
            (7, "error", "unknown-name", "`steps` cannot be used in `matrix`"),
        ),
        (
            "foreach: ${{ item }}\nrun: 'true'",
            (7, "error", "unknown-name", "`item` is no name"),
        ),
        (
            "retry: 2\nsteps: {b: {run: 'true'}}",
            (7, "error", "not-here", "`retry` cannot stand beside `steps`"),
        ),
        (
            "allow_failure: {exit_codes: [1]}\nsteps: {b: {run: 'true'}}",
            (7, "error", "not-here", "a step with others in it has no exit code"),
        ),
        (
            "run: x\nsteps: {b: {run: 'true'}}",
            (8, "error", "two-bodies", "a step has one body, and `a` already has `run`"),
        ),
        (
            "steps: {b: {run: 'true'}, B: {run: 'true'}}",
            (7, "error", "case-twin", "`B` and `b` differ in case only"),
        ),
        (
            "steps: {b: {run: 'echo ${{ steps.c.stat }}'}, c: {run: 'true'}}",
            (7, "error", "unknown-fact", "`stat` is no fact of a step"),
        ),
        (
            "steps: {b: {run: 'true', nope: 1}}",
            (7, "error", "unknown-key", "unknown key `nope` in `b`"),
        ),
        (
            "max_parallel: 2\nrun: 'true'",
            (
                7,
                "warning",
                "no-use",
                "`max_parallel` does nothing in a step without `matrix` or `foreach`",
            ),
        ),
        (
            "if: len(steps.first.items) > 0\nrun: 'true'",
            (7, "error", "unknown-fact", "`items` is no fact of a step"),
        ),
    ],
)
def test_what_is_wrong_is_told_at_its_place(step: str, expected: Tuple[int, str, str, str]) -> None:
    assert faults(step) == [expected]
