"""What a step and a workflow have for their ends: how it is read, and what is refused."""

from __future__ import annotations

from typing import List, Tuple

import pytest

from orchestra.engine import graph
from orchestra.model.expression import Template, parse_text
from orchestra.model.workflow import Command, Handler, PythonCode, ShellScript
from orchestra.spec.load import load


def loaded(text: str):
    found = load("/etc/flow.yaml", text.encode())
    assert found.faults == ()
    assert found.workflow is not None
    return found.workflow


def faults(text: str) -> List[Tuple[int, int, str, str, str]]:
    found = load("/etc/flow.yaml", text.encode()).faults
    return [(f.line, f.column, f.severity, f.message, f.suggestion) for f in found]


def test_a_handler_is_a_body_with_what_it_says_of_itself() -> None:
    flow = loaded(
        "steps:\n"
        "  a:\n"
        "    run: make\n"
        "    shell: sh\n"
        "    fallback: {run: x, working_dir: /tmp, env: {A: 1}, timeout: 5s}\n"
        "    on_success: {command: [x, 2]}\n"
        "    on_failure: {python: 'print(failure)'}\n"
        "    on_cancel: {run: x, shell: bash}\n"
        "    finally: {run: x, timeout: '${{ failure.exit_code }}s'}\n"
    )
    timeout = parse_text("${{ failure.exit_code }}s")
    assert isinstance(timeout, Template)
    assert flow.step_by_id["a"].handlers == {
        "fallback": Handler(ShellScript(("x",), "sh"), "/tmp", {"A": "1"}, 5.0),
        "on_success": Handler(Command(("x", "2"))),
        "on_failure": Handler(PythonCode("print(failure)")),
        "on_cancel": Handler(ShellScript(("x",), "bash")),
        "finally": Handler(ShellScript(("x",), "sh"), timeout=timeout),
    }


def test_the_run_has_handlers_too_which_take_shell_and_folder_from_the_defaults() -> None:
    flow = loaded(
        "defaults: {shell: sh, working_dir: /tmp}\n"
        "steps: {a: {run: x}}\n"
        "on_success: {run: x}\n"
        "on_failure: {run: x, working_dir: /etc}\n"
        "on_cancel: {run: x}\n"
        "finally: {run: x, shell: bash}\n"
    )
    assert flow.handlers == {
        "on_success": Handler(ShellScript(("x",), "sh"), "/tmp"),
        "on_failure": Handler(ShellScript(("x",), "sh"), "/etc"),
        "on_cancel": Handler(ShellScript(("x",), "sh"), "/tmp"),
        "finally": Handler(ShellScript(("x",), "bash"), "/tmp"),
    }


GOOD = [
    "on_failure: {run: 'echo ${{ failure.step }} ${{ failure.steps }} ${{ failure.log }}'}",
    "on_failure: {command: [x, '${{ failure.reason }}'], env: {X: '${{ failure.exit_code }}'}}",
    "finally: {run: x, working_dir: '${{ params.p }}'}",
    "on_success: {run: 'echo ${{ steps.b.outputs.o }} ${{ steps.b.state }} ${{ steps.a.result }}'}",
    "on_success: {python: {call: 'm:f', args: {x: '${{ failure }}'}}}",
]


@pytest.mark.parametrize("keys", GOOD)
def test_what_is_right_is_not_refused(keys: str) -> None:
    text = "params: {p: 1}\nsteps:\n  a: {run: x}\n  b: {needs: a, run: x, outputs: {o: int}, %s}\n"
    flow = loaded(text % keys)
    built, problems = graph.build(flow)
    assert built is not None
    assert (problems, list(graph.problems_above(built))) == ([], [])


BAD = [
    (
        "on_failure: {env: {A: b}}",
        (
            3,
            15,
            "error",
            "`on_failure` runs nothing",
            "give it one of `run`, `command`, `python` and `uses`",
        ),
    ),
    (
        "on_failure: {run: x, command: [y]}",
        (
            3,
            36,
            "error",
            "a step has one body, and `on_failure` already has `run`",
            "make a step of its own for `command`",
        ),
    ),
    (
        "on_failure: {run: x, retry: 2}",
        (
            3,
            36,
            "error",
            "unknown key `retry` in `on_failure`",
            "known here are `run`, `command`, `python`, `uses`, `with`, `env`, `working_dir`, "
            "`shell`, `timeout`",
        ),
    ),
    (
        "on_failure: {cmd: x}",
        (3, 28, "error", "unknown key `cmd` in `on_failure`", "write `run`"),
    ),
    (
        "on_failure: x",
        (
            3,
            27,
            "error",
            "`on_failure` must be a mapping with one of `run`, `command`, `python` and `uses`, "
            "not the text `x`",
            "",
        ),
    ),
    (
        "on_failure: {run: 'echo ${{ failure.stp }}'}",
        (3, 43, "error", "`stp` is no fact of a failure", "did you mean `step`?"),
    ),
    (
        "env: {A: '${{ failure.step }}'}",
        (
            3,
            29,
            "error",
            "`failure` cannot be used in a step",
            "it is known in `fallback`, `on_failure` and the other handlers only",
        ),
    ),
    (
        "on_failure: {run: 'echo ${{ steps.c.state }}'}",
        (3, 43, "error", "`c` is no step", ""),
    ),
    (
        "on_failure: {run: x, timeout: 0s}",
        (
            3,
            45,
            "error",
            "a timeout of 0 leaves no time to run",
            "leave `timeout` out for no limit",
        ),
    ),
    (
        "on_failure: {command: [x], shell: sh}",
        (3, 49, "warning", "`shell` does nothing without `run`", ""),
    ),
    (
        "onFailure: {run: x}",
        (3, 15, "error", "unknown key `onFailure` in `b`", "write `on_failure`"),
    ),
    ("always: {run: x}", (3, 15, "error", "unknown key `always` in `b`", "write `finally`")),
    (
        "handler_on: {exit: {run: x}}",
        (
            3,
            15,
            "error",
            "unknown key `handler_on` in `b`",
            "write `on_success`, `on_failure`, `on_cancel` and `finally`, each by itself",
        ),
    ),
]


@pytest.mark.parametrize(("keys", "fault"), BAD, ids=[keys for keys, _ in BAD])
def test_what_is_wrong_is_told_with_its_place(keys, fault) -> None:
    assert faults("steps:\n  a: {run: x}\n  b: {run: x, %s}\n" % keys) == [fault]


def test_a_gate_has_no_use_for_handlers() -> None:
    message = "`finally` does nothing in a step that runs nothing"
    text = "steps:\n  a: {finally: {run: x}}\n"
    assert faults(text) == [(2, 16, "warning", message, "")]


def test_the_root_has_no_fallback() -> None:
    assert faults("steps: {a: {run: x}}\nfallback: {run: x}\nonExit: {run: x}\n") == [
        (
            2,
            1,
            "error",
            "unknown key `fallback` in the workflow",
            "`fallback` is a key of a step",
        ),
        (3, 1, "error", "unknown key `onExit` in the workflow", "write `finally`"),
    ]


def test_a_handler_sees_no_step_that_comes_later() -> None:
    flow = loaded(
        "steps:\n"
        "  a: {run: x, on_failure: {run: 'echo ${{ steps.b.state }}'}}\n"
        "  b: {run: x, env: {A: '${{ steps.b.state }}'}, finally: {run: x}}\n"
    )
    built, _ = graph.build(flow)
    assert built is not None
    assert [(p.path, p.message) for p in graph.problems_above(built)] == [
        (("steps", "a", "on_failure", "run"), "`b` does not come before `a`"),
        (("steps", "b", "env", "A"), "`b` does not come before `b`"),
    ]
