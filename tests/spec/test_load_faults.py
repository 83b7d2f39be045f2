"""What is refused beyond the schema, and what must not be refused. See also `corpus/`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, List, Tuple

import pytest

from orchestra.spec.load import load

NO_EXPRESSION = "no-expression-here"

Found = List[Tuple[int, int, str, str]]


def found(text: str) -> Found:
    faults = load("/etc/flow.yaml", text.encode()).faults
    return [(fault.line, fault.column, fault.severity, fault.code) for fault in faults]


def in_step(keys: str) -> Found:
    return found("params: {p: 1}\nsteps:\n  a: {outputs: {o: int}}\n  b: {%s}\n" % keys)


GOOD = [
    "run: x, env: {ORCHESTRATE: x, orchestra_x: y}",
    "run: x, env: {PATH: x, LD_PRELOAD: y, BASH_ENV: z, IFS: ' ', 'BASH_FUNC_x%%': f}",
    "run: x, success_codes: [0], retry: {max: 1, when: {exit_codes: [1]}}, skip_codes: [2]",
    "run: x, allow_failure: {exit_codes: [1]}, retry: {max: 1, when: {exit_codes: [2]}}",
    "needs: {step: a, when: failure}, if: steps.a.exit_code == 3",
    "needs: {step: a}, if: failure()",
    "needs: nowhere",
    "run: 'echo $${{ not read }}'",
    "run: 'echo $${{ x }}', shell: [fish, -c]",
    "python: 'print(1)'",
    "if: \"steps.a.outputs.o == 1 and steps.a.state == 'failed' or steps.a.duration > 3\"",
    "if: \"steps['a']['outputs']['o'] == 1\"",
    "if: \"params['p'] == 1\"",
    "if: len(steps) > 0 and len(params) > 0",
    "env: {A: \"${{ hash_files('x') }}\", B: '${{ env.ANYTHING }}'}",
    "command: [x, '${{ glob(vars) }}']",
    "name: '${{ run.date }} ${{ params.p }} ${{ env.X }}'",
    "run: x, retry: {max: 1, resources: {cpu: x1.5}, when: {output: 'a|b', oom: true}}",
    "run: x, resources: {gb: 1}, retry: {max: 1, resources: {gb: x2}}",
    "require: [{if: params.p, message: '${{ params.p }}'}]",
    "working_dir: /tmp",
    "timeout: 1ms",
    "timeout: 3650d",
]


@pytest.mark.parametrize("keys", GOOD)
def test_what_is_right_is_not_refused(keys: str) -> None:
    assert in_step(keys) == []


LONG = "x" * 131_072

BAD: List[Tuple[str, Found]] = [
    ("timeout: 0", [(4, 16, "error", "no-time")]),
    ("timeout: 0s", [(4, 16, "error", "no-time")]),
    ("timeout: 3651d", [(4, 16, "error", "too-large")]),
    ("retry: {max: 1, delay: 99999999d}", [(4, 30, "error", "too-large")]),
    ("resources: {memory: 9999999PiB}", [(4, 27, "error", "too-large")]),
    ("env: {ORCHESTRA_X: y}", [(4, 13, "error", "own-variable")]),
    ("env: {A: %s}" % LONG, [(4, 16, "error", "too-long")]),
    ("env: {A: %s}" % LONG[3:], []),
    ("env: {A: %s}" % LONG[2:], [(4, 16, "error", "too-long")]),
    ("env: {A: '%s'}" % ("é" * 65_535), [(4, 16, "error", "too-long")]),
    ("command: [x, %s]" % LONG, [(4, 20, "error", "too-long")]),
    ("command: [x, %s]" % LONG[1:], []),
    ('run: "a\\0b"', [(4, 12, "error", "nul")]),
    ('env: {"a\\0": b}', [(4, 13, "error", "nul")]),
    ('python: {call: "m:f", args: {"a\\0": 1}}', [(4, 36, "error", "nul")]),
    ("command: [x, '${{ params.q }}']", [(4, 25, "error", "unknown-param")]),
    ("command: [x, '${{ vars.q }}']", [(4, 25, "error", "unknown-var")]),
    ("command: [x, '${{ run.q }}']", [(4, 25, "error", "unknown-run")]),
    ("command: [x, '${{ steps.q }}']", [(4, 25, "error", "unknown-step")]),
    ("command: [x, '${{ steps.a.q }}']", [(4, 25, "error", "unknown-fact")]),
    ("command: [x, '${{ steps.a.outputs.q }}']", [(4, 25, "error", "unknown-output")]),
    ("command: [x, '${{ matrix.q }}']", [(4, 25, "error", "unknown-name")]),
    ("command: [x, '${{ always() }}']", [(4, 25, "error", "function-place")]),
    ("name: \"${{ glob('x') }}\"", [(4, 18, "error", "function-place")]),
    ("name: '${{ steps.a.state }}'", [(4, 18, "error", "unknown-name")]),
    ("if: nonsense(", [(4, 19, "error", "expression")]),
    ("if: ''", [(4, 12, "error", "expression")]),
    ("if: 'a ${{ params.p }}'", [(4, 14, "error", "expression")]),
    ("shell: ['${{ params.p }}'], run: x", [(4, 16, "error", NO_EXPRESSION)]),
    ("require: [{if: params.p, message: '${{ params.q }}'}]", [(4, 46, "error", "unknown-param")]),
    ("run: x, retry: {max: 1, when: {output: '('}}", [(4, 46, "error", "pattern")]),
    ("run: x, retry: {max: 1, when: {output: ''}}", [(4, 46, "error", "value")]),
    ("run: x, retry: {max: 1, when: {oom: 1}}", [(4, 43, "error", "type")]),
    ("run: x, retry: {max: 1, resources: {memory: x2}}", [(4, 43, "error", "no-amount")]),
    ("run: x, retry: {max: 1, resources: {cpu: 2}}", [(4, 48, "error", "type")]),
    ("run: x, retry: {max: 1, resources: {cpu: +1GiB}}", [(4, 48, "error", "value")]),
    ("run: x, retry: {max: 1, resources: {cpu: x0.5}}", [(4, 48, "error", "factor")]),
    ("run: x, retry: {max: 1, resources: {cpu: x1001}}", [(4, 48, "error", "factor")]),
    ("python: {file: '${{ params.p }}'}", [(4, 23, "error", NO_EXPRESSION)]),
    ("python: {module: m, interpreter: '${{ params.p }}'}", [(4, 41, "error", NO_EXPRESSION)]),
    ("run: x, command: [y]", [(4, 15, "error", "two-bodies")]),
    ("command: [y], python: z", [(4, 21, "error", "two-bodies")]),
    ("python: {file: /etc}", [(4, 22, "error", "not-a-file")]),
    ("python: {file: /dev/zero}", [(4, 22, "error", "not-a-file")]),
    ("python: {file: ~/x.py}", [(4, 22, "error", "missing-file")]),
    ("working_dir: passwd", [(4, 20, "error", "not-a-folder")]),
    ("working_dir: nowhere", [(4, 20, "error", "missing-folder")]),
    ("working_dir: nowhere, needs: a", [(4, 20, "warning", "missing-folder")]),
    ("command: [x], shell: sh", [(4, 28, "warning", "no-use")]),
    ("python: 'x = \"${{ params.p }}\"'", [(4, 15, "warning", "no-expression-here")]),
    ("needs: [a, {step: a}]", [(4, 18, "error", "needed-twice")]),
    ("resources: {cpu: '${{ params.q }}'}", [(4, 29, "error", "unknown-param")]),
    ("timeout: '${{ params.q }}s'", [(4, 21, "error", "unknown-param")]),
]


@pytest.mark.parametrize(("keys", "faults"), BAD, ids=[keys[:40] for keys, _ in BAD])
def test_what_is_wrong_is_refused_at_its_place(keys: str, faults: Found) -> None:
    assert in_step(keys) == faults


ROOT: List[Tuple[str, Found]] = [
    ("name: '${{ run.id }}'", [(1, 8, "error", NO_EXPRESSION)]),
    ("labels: {a: '${{ run.id }}'}", [(1, 14, "error", NO_EXPRESSION)]),
    ("env_file: '${{ run.id }}'", [(1, 12, "error", NO_EXPRESSION)]),
    ("env_file: nowhere", [(1, 11, "error", "missing-file")]),
    ("env_file: [passwd, /dev/null]", [(1, 20, "error", "not-a-file")]),
    ("vars: {a: '${{ env.X }}'}", [(1, 16, "error", "unknown-name")]),
    ("vars: {a: [{b: '${{ params.x }}'}]}", [(1, 21, "error", "unknown-param")]),
    ("vars: {a: \"${{ glob('x') }}\"}", [(1, 16, "error", "function-place")]),
    ("vars: {a: '${{ vars.a }}'}", [(1, 8, "error", "vars-circle")]),
    ("vars: {a: '${{ vars.b }}', b: '${{ vars.c }}', c: 1}", []),
    ("env: {A: '${{ steps.a.state }}'}", [(1, 15, "error", "unknown-name")]),
    ("env: {A: '${{ success() }}'}", [(1, 15, "error", "function-place")]),
    ("env: {ORCHESTRA_A: b}", [(1, 7, "error", "own-variable")]),
    ("defaults: {env: {ORCHESTRA_A: b}}", [(1, 18, "error", "own-variable")]),
    ("defaults: {timeout: 0}", [(1, 21, "error", "no-time")]),
    ("defaults: {run: x}", [(1, 12, "error", "unknown-key")]),
    ("defaults: {success_codes: [3], skip_codes: [3]}", [(1, 44, "error", "code-twice")]),
    ("defaults: {working_dir: nowhere}", [(1, 25, "warning", "missing-folder")]),
    ("timeout: 0", [(1, 10, "error", "no-time")]),
    ("timeout: '${{ run.id }}'", [(1, 10, "error", "value")]),
    ("version: 1.10", [(1, 10, "error", "type")]),
    ("version: '1'", [(1, 10, "error", "type")]),
    ("version: true", [(1, 10, "error", "type")]),
    ("fail_fast: True", []),
    ("fail_fast: no", [(1, 12, "error", "type")]),
    ("max_parallel: 012", [(1, 15, "error", "type")]),
    ("budget: {cpu: 1_000}", [(1, 15, "error", "value")]),
    ("budget: {db: 22:30}", [(1, 14, "error", "type")]),
    ("params: {a: {default: 0x1F, type: string}}", []),
    ("params: {a: {min: 5, max: 1, default: 3}}", [(1, 39, "error", "param-value")]),
    ("params: {a: [1.10]}", [(1, 14, "error", "unclear-number")]),
    ("params: {a: {type: json, default: {b: [1e5]}}}", [(1, 40, "error", "unclear-number")]),
    ("params: {a: {type: path, default: ''}}", [(1, 35, "error", "param-value")]),
    ("params: {a: {pattern: '(?P<x'}}", [(1, 23, "error", "pattern")]),
]


@pytest.mark.parametrize(("text", "faults"), ROOT, ids=[text for text, _ in ROOT])
def test_what_is_wrong_at_the_root_is_refused_at_its_place(text: str, faults: Found) -> None:
    assert found(text + "\nsteps: {a: {}}\n") == faults


def test_a_pipe_is_refused_without_being_opened(tmp_path: Path) -> None:
    os.mkfifo(str(tmp_path / "pipe"))
    text = b"env_file: pipe\nsteps:\n  a: {python: {file: pipe}}\n  b: {working_dir: pipe}\n"
    faults = load(str(tmp_path / "flow.yaml"), text).faults
    assert [(fault.line, fault.message) for fault in faults] == [
        (1, "`pipe` is a pipe, not a file"),
        (3, "`pipe` is a pipe, not a file"),
        (4, "`pipe` is not a folder"),
    ]


def test_a_fault_in_one_part_does_not_hide_those_in_others() -> None:
    text = """\
params: {a: {typ: int}, b: 1.10}
vars: {c: "${{ params.x }}"}
steps:
  one: {rnu: x, timeout: 0}
  two: [run]
  three: {run: "echo ${{ steps.one.outputs.x }} ${{ steps.two.outputs.y }}"}
"""
    assert found(text) == [
        (1, 14, "error", "unknown-key"),
        (1, 28, "error", "unclear-number"),
        (2, 16, "error", "unknown-param"),
        (4, 9, "error", "unknown-key"),
        (4, 26, "error", "no-time"),
        (5, 8, "error", "type"),
        (6, 26, "error", "unknown-output"),
    ]


def test_a_param_with_a_fault_of_its_own_is_still_declared() -> None:
    assert found("params: {a: {typ: int}}\nsteps: {s: {command: ['${{ params.a }}']}}") == [
        (1, 14, "error", "unknown-key")
    ]


def test_the_same_fault_through_two_aliases_is_told_once() -> None:
    text = "steps:\n  a: &a {run: x, rnu: y}\n  b: *a\n  c: {<<: *a}\n"
    assert found(text) == [(2, 18, "error", "unknown-key")]


def words(text: str) -> Any:
    return [(f.message, f.suggestion) for f in load("/etc/flow.yaml", text.encode()).faults]


def test_a_name_without_its_home_is_told_where_it_lives() -> None:
    text = "params: {region: eu}\nsteps: {s: {command: ['${{ region }}']}}"
    assert words(text) == [("`region` is no name", "write `params.region`")]


def test_an_undeclared_output_is_told_how_to_declare_it() -> None:
    text = "steps: {s: {run: x}, t: {if: steps.s.outputs.rows > 1}}"
    assert words(text) == [("`rows` is no output of `s`", "declare it under `outputs` of `s`")]
