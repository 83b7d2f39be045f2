"""The same steps as each orchestrator wants them described: file names and their texts. Pure.

A step is called `s` and its number where names are words.
"""

from __future__ import annotations

import json
import shlex
from typing import Callable, Dict, Iterable, Mapping, Sequence

from tests.benchmarks.graphs import Command, Step

Texts = Dict[str, str]
"""Texts by file name."""


def orchestra(steps: Sequence[Step]) -> Texts:
    """A workflow; JSON is YAML."""
    lines = ["version: 1\nname: benchmark\nsteps:\n"]
    for number, (command, needs) in enumerate(steps):
        body = _body(command)
        if needs:
            body["needs"] = ["s%d" % need for need in needs]
        lines.append("  s%d: %s\n" % (number, json.dumps(body)))
    return {"flow.yaml": "".join(lines)}


def _body(command: Command) -> Dict[str, object]:
    if isinstance(command, str):
        return {"run": command, "shell": "sh"}
    return {"command": command}


def ninja(steps: Sequence[Step]) -> Texts:
    """Outputs that never come to be, so that each is always made; each through `sh -c`."""
    lines = ["rule step\n  command = $text\n"]
    for number, (command, needs) in enumerate(steps):
        lines.append("build s%d: step%s\n" % (number, _names(" s%d", needs)))
        lines.append("  text = %s\n" % _dollars(_text(command)))
    return {"build.ninja": "".join(lines)}


def make(steps: Sequence[Step]) -> Texts:
    """Phony targets; make itself leaves the shell out where it sees that none is needed."""
    every = _names(" s%d", range(len(steps)))
    lines = [".SILENT:\n.PHONY: all%s\nall:%s\n" % (every, every)]
    for number, (command, needs) in enumerate(steps):
        lines.append("s%d:%s\n" % (number, _names(" s%d", needs)))
        lines.append("\t%s\n" % _dollars(_text(command)))
    return {"Makefile": "".join(lines)}


def parallel(steps: Sequence[Step]) -> Texts:
    """A command a line, which is all that it can be told.

    Raises:
        ValueError: there are steps that need others.
    """
    if any(step.needs for step in steps):
        raise ValueError("GNU parallel knows no order")
    return {"commands": "".join("%s\n" % _text(step.command) for step in steps)}


def go_task(steps: Sequence[Step]) -> Texts:
    """Tasks with `deps`, each run once; scripts run in the shell that go-task has built in."""
    names = ["s%d" % number for number in range(len(steps))]
    lines = ["version: '3'\nrun: once\nsilent: true\ntasks:\n"]
    lines.append("  default: %s\n" % json.dumps({"deps": names}))
    for number, (command, needs) in enumerate(steps):
        task = {"deps": ["s%d" % need for need in needs], "cmds": [_text(command)]}
        lines.append("  s%d: %s\n" % (number, json.dumps(task)))
    return {"Taskfile.yml": "".join(lines)}


def doit(steps: Sequence[Step]) -> Texts:
    """Tasks with `task_dep`; a list of words is run without a shell."""
    return {"dodo.py": _DOIT, "steps.json": json.dumps(steps)}


def luigi(steps: Sequence[Step]) -> Texts:
    """Tasks that leave a file each, which is how luigi knows that they are done."""
    return {"tasks.py": _LUIGI, "steps.json": json.dumps(steps)}


def snakemake(steps: Sequence[Step]) -> Texts:
    """One rule for all steps; Snakemake leaves a file for each, and runs all through `sh -c`."""
    texts = [(_text(command), needs) for command, needs in steps]
    return {"Snakefile": _SNAKEMAKE, "steps.json": json.dumps(texts)}


DESCRIPTIONS: Mapping[str, Callable[[Sequence[Step]], Texts]] = {
    "orchestra": orchestra,
    "ninja": ninja,
    "make": make,
    "parallel": parallel,
    "go-task": go_task,
    "doit": doit,
    "luigi": luigi,
    "snakemake": snakemake,
}

_DOIT = """import json

with open("steps.json") as file:
    STEPS = json.load(file)


def task_step():
    for number, (command, needs) in enumerate(STEPS):
        yield {
            "name": str(number),
            "actions": [command],
            "task_dep": ["step:%d" % need for need in needs],
        }
"""

_LUIGI = """import json
import subprocess

import luigi

with open("steps.json") as file:
    STEPS = json.load(file)


class Step(luigi.Task):
    number = luigi.IntParameter()

    def requires(self):
        return [Step(need) for need in STEPS[self.number][1]]

    def output(self):
        return luigi.LocalTarget("done/%d" % self.number)

    def run(self):
        command = STEPS[self.number][0]
        subprocess.run(command, shell=isinstance(command, str), check=True)
        self.output().open("w").close()


class Every(luigi.WrapperTask):
    def requires(self):
        return [Step(number) for number in range(len(STEPS))]
"""

_SNAKEMAKE = """import json

with open("steps.json") as file:
    STEPS = json.load(file)

shell.executable("/bin/sh")
shell.prefix("")


rule all:
    input:
        ["done/%d" % number for number in range(len(STEPS))],


rule step:
    input:
        lambda wildcards: ["done/%d" % need for need in STEPS[int(wildcards.number)][1]],
    output:
        touch("done/{number}"),
    params:
        command=lambda wildcards: STEPS[int(wildcards.number)][0],
    shell:
        "{params.command}"
"""


def _text(command: Command) -> str:
    """The command as a line for a shell."""
    return command if isinstance(command, str) else shlex.join(command)


def _dollars(text: str) -> str:
    return text.replace("$", "$$")


def _names(form: str, numbers: Iterable[int]) -> str:
    return "".join(form % number for number in numbers)
