"""What each orchestrator reads: the same steps, told exactly; shapes are as they are named."""

from __future__ import annotations

import json

import pytest

from tests.benchmarks.descriptions import DESCRIPTIONS
from tests.benchmarks.graphs import Step, backwards, chain, layered, steps_of, wide

STEPS = [Step("echo $X", ()), Step(["/bin/true"], (0,)), Step(["/bin/echo", "a b"], (0, 1))]


def test_shapes():
    assert wide(3) == [(), (), ()]
    assert chain(3) == [(), (0,), (1,)]
    assert layered(7, width=3) == [(), (), (), (0, 1), (1, 2), (2, 0), (3, 4)]


def test_a_graph_backwards_needs_what_stands_below():
    assert backwards(chain(3)) == [(1,), (2,), ()]


def test_a_workflow_of_orchestra():
    assert DESCRIPTIONS["orchestra"](STEPS)["flow.yaml"].splitlines()[2:] == [
        "steps:",
        '  s0: {"run": "echo $X", "shell": "sh"}',
        '  s1: {"command": ["/bin/true"], "needs": ["s0"]}',
        '  s2: {"command": ["/bin/echo", "a b"], "needs": ["s0", "s1"]}',
    ]


def test_a_file_of_ninja():
    assert DESCRIPTIONS["ninja"](STEPS)["build.ninja"].splitlines() == [
        "rule step",
        "  command = $text",
        "build s0: step",
        "  text = echo $$X",
        "build s1: step s0",
        "  text = /bin/true",
        "build s2: step s0 s1",
        "  text = /bin/echo 'a b'",
    ]


def test_a_makefile():
    assert DESCRIPTIONS["make"](STEPS)["Makefile"].splitlines() == [
        ".SILENT:",
        ".PHONY: all s0 s1 s2",
        "all: s0 s1 s2",
        "s0:",
        "\techo $$X",
        "s1: s0",
        "\t/bin/true",
        "s2: s0 s1",
        "\t/bin/echo 'a b'",
    ]


def test_a_file_of_go_task():
    assert DESCRIPTIONS["go-task"](STEPS)["Taskfile.yml"].splitlines() == [
        "version: '3'",
        "run: once",
        "silent: true",
        "tasks:",
        '  default: {"deps": ["s0", "s1", "s2"]}',
        '  s0: {"deps": [], "cmds": ["echo $X"]}',
        '  s1: {"deps": ["s0"], "cmds": ["/bin/true"]}',
        '  s2: {"deps": ["s0", "s1"], "cmds": ["/bin/echo \'a b\'"]}',
    ]


@pytest.mark.parametrize("name", ["doit", "luigi"])
def test_steps_of_those_that_are_told_in_python(name):
    assert json.loads(DESCRIPTIONS[name](STEPS)["steps.json"]) == [
        ["echo $X", []],
        [["/bin/true"], [0]],
        [["/bin/echo", "a b"], [0, 1]],
    ]


def test_steps_of_snakemake_are_lines_for_a_shell():
    assert json.loads(DESCRIPTIONS["snakemake"](STEPS)["steps.json"]) == [
        ["echo $X", []],
        ["/bin/true", [0]],
        ["/bin/echo 'a b'", [0, 1]],
    ]


def test_commands_of_parallel_have_no_order():
    assert DESCRIPTIONS["parallel"](steps_of(wide(2), "exit 0")) == {"commands": "exit 0\nexit 0\n"}
    with pytest.raises(ValueError, match="no order"):
        DESCRIPTIONS["parallel"](STEPS)
