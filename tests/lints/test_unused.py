"""What is declared and not used is told; what can be used in any way is not."""

from __future__ import annotations

import pytest

from tests.lints.looking import faults, lints

OUTPUT = """\
params: {p: 1}
steps:
  a:
    run: echo
    outputs: {x: int}
  b:
    needs: a
    command: [echo, "${{ params.p }}"]
    %s
"""


def python(code: str) -> str:
    return (OUTPUT % "").replace('command: [echo, "${{ params.p }}"]', "python: |\n      " + code)


def test_an_output_that_nothing_uses_is_told_at_its_name() -> None:
    [fault] = faults(OUTPUT % "")
    assert (fault.code, fault.name, fault.severity) == ("L101", "unused-output", "warning")
    assert (fault.line, fault.column) == (5, 15)
    assert fault.message == "nothing uses the output `x` of `a`"


@pytest.mark.parametrize(
    "use",
    [
        "if: steps.a.outputs.x > 1",
        "env: {X: '${{ steps.a.outputs.x }}'}",
        "env: {X: '${{ steps.a.outputs }}'}",
        "env: {X: '${{ to_json(steps.a) }}'}",
        "env: {X: '${{ len(steps) }}'}",
        "env: {X: \"${{ steps['a'].outputs[params.p] }}\"}",
        "env: {X: '${{ steps[params.p].outputs.x }}'}",
        "require: [{if: 'steps.a.outputs.x > 1', message: m}]",
        "require: [{if: 'params.p > 1', message: '${{ steps.a.outputs.x }}'}]",
        "foreach: ${{ steps.a.outputs.x }}",
        "resources: {cpu: '${{ steps.a.outputs.x }}'}",
        "artifacts: {paths: ['${{ steps.a.outputs.x }}']}",
        "cache: {inputs: [a], key: '${{ steps.a.outputs.x }}'}",
        "timeout: ${{ steps.a.outputs.x }}s",
        "on_failure: {run: 'echo ${{ steps.a.outputs.x }}'}",
        "finally: {command: [echo, '${{ steps.a.outputs.x }}']}",
    ],
)
def test_an_output_is_used_wherever_an_expression_stands(use: str) -> None:
    assert lints(OUTPUT % use, "L101") == []


@pytest.mark.parametrize(
    "root",
    ["outputs: {y: '${{ steps.a.outputs.x }}'}", "finally: {run: 'echo ${{ steps.a.outputs.x }}'}"],
)
def test_an_output_is_used_at_the_root(root: str) -> None:
    assert lints(OUTPUT % "" + root, "L101") == []


@pytest.mark.parametrize("use", ["if: steps.a.result == 'x'", "if: steps.a.duration > 1"])
def test_other_facts_of_a_step_are_none_of_its_outputs(use: str) -> None:
    assert lints(OUTPUT % use, "L101") == ["L101:5"]


@pytest.mark.parametrize(
    "code",
    [
        "print(steps['a']['outputs']['x'])",
        'print(steps["a"] ["outputs"] ["x"])',
        "print(steps['a']['outputs'])",
        "print(steps['a'])",
        "print(steps[name])",
        "look(steps)",
        "for step in steps.values(): print(step)",
        "print(globals()['st' + 'eps'])",
        "exec(params['p'])",
    ],
)
def test_python_code_that_can_get_at_an_output_uses_it(code: str) -> None:
    assert lints(python(code), "L101") == []


@pytest.mark.parametrize("code", ["print(1)", "print(steps['a']['outputs']['y'])", "x.steps = 1"])
def test_python_code_that_cannot_get_at_an_output_does_not_use_it(code: str) -> None:
    assert lints(python(code), "L101") == ["L101:5"]


def test_a_call_may_use_everything() -> None:
    text = OUTPUT.replace('command: [echo, "${{ params.p }}"]', 'python: {call: "m:f"}') % ""
    assert lints(text) == []


def test_what_a_last_step_leaves_is_a_result() -> None:
    assert lints("steps:\n  a: {run: echo, outputs: {x: int}}\n") == []


def test_steps_in_a_step_use_the_nearest_step_of_a_name() -> None:
    text = """\
steps:
  a: {run: echo, outputs: {x: int}}
  b:
    needs: a
    steps:
      a: {run: echo, outputs: {x: int}}
      c: {needs: a, run: "echo ${{ steps.a.outputs.x }}"}
"""
    assert lints(text) == ["L101:2"]
    assert (
        lints(
            text.replace("      a: {run: echo, outputs: {x: int}}\n", "").replace(
                "needs: a, run", "run"
            )
        )
        == []
    )


def test_a_parameter_is_used_by_defaults_that_no_step_takes() -> None:
    text = (
        "params: {p: 1}\ndefaults: {timeout: '${{ params.p }}s'}\nsteps: {a: {run: x, timeout: 1s}}"
    )
    assert lints(text) == []


@pytest.mark.parametrize(
    "use",
    [
        "vars: {v: '${{ params.p }}'}\nenv: {E: '${{ vars.v }}'}",
        "env: {E: '${{ params.p }}'}",
        "defaults: {env: {E: '${{ params.p }}'}}",
        "concurrency: {group: 'g-${{ params.p }}'}",
        "notify: [{command: [echo, '${{ params.p }}']}]",
        "finally: {python: \"print(params['p'])\"}",
    ],
)
def test_a_parameter_is_used_at_the_root(use: str) -> None:
    assert lints("params: {p: 1}\n%s\nsteps: {a: {run: x}}" % use) == []


def test_a_parameter_is_used_in_a_matrix() -> None:
    text = "params: {p: 1}\nsteps: {a: {matrix: {x: ['${{ params.p }}']}, run: x}}"
    assert lints(text) == []


def test_a_secret_that_no_step_is_handed_is_told_in_both_forms() -> None:
    steps = "steps: {a: {env: {K: '${{ secrets.KEY }}'}, run: x}}\n"
    assert lints("secrets:\n  - KEY\n  - OLD\n" + steps) == ["L103:3"]
    assert lints("secrets:\n  KEY: {env: A}\n  OLD: {env: B}\n" + steps) == ["L103:3"]


def test_a_secret_that_flows_into_a_used_file_is_used(tmp_path) -> None:
    used = tmp_path / "used.yaml"
    used.write_text("secrets: [KEY]\nsteps: {a: {env: {K: '${{ secrets.KEY }}'}, run: x}}\n")
    assert lints("secrets: [KEY]\nsteps: {a: {uses: %s}}\n" % used) == []
    assert lints("secrets: [KEY]\nsteps: {a: {run: x}}\nfinally: {uses: %s}\n" % used) == []


def test_a_variable_that_only_another_one_uses_is_used() -> None:
    text = "vars:\n  a: 1\n  b: '${{ vars.a }}'\nsteps: {s: {run: x}}\n"
    assert lints(text) == ["L104:3"]
