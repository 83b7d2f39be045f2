"""Workflows made at random, and edited at random: what a person does between two runs.

Each step writes its id into `ledger` when it really runs; steps that have a cache read a file of
their own, and what the steps above them left.
"""

from __future__ import annotations

import json
import random
from typing import Any, Callable, Dict, List, Set

from tests.cli.commandline import CommandLine
from tests.cli.going import ledger

Steps = Dict[str, Dict[str, Any]]


class Author:
    """Writes `flow.yaml` and the files beside it; the same `seed` makes the same of it."""

    def __init__(self, cli: CommandLine, seed: int) -> None:
        self._cli = cli
        self._random = random.Random(seed)
        self._made = 0
        self._steps: Steps = {}
        self._env = {"MODE": "0"}
        self._bad: Set[str] = set()
        self._param = 0
        for _ in range(self._random.randint(3, 7)):
            self._add()
        for id in self._random.sample(sorted(self._steps), 2):
            if self._random.random() < 0.5 and "run" in self._steps[id]:
                self._bad.add(id)
                cli.file("bad-%s" % id, "")
        self.write()

    def write(self) -> None:
        """Put the workflow into its file; no step asks for one that it needs no more."""
        for step in self._steps.values():
            asked = step.get("if", "").split(".")
            if asked[0] == "steps" and asked[1] not in step["needs"]:
                del step["if"]
        flow = {
            "version": 1,
            "params": {"size": self._param},
            "env": self._env,
            "steps": self._steps,
        }
        self._cli.file("flow.yaml", json.dumps(flow, indent=1))

    def edit(self) -> None:
        """Do one to three things to the workflow; no step fails any more."""
        for id in self._bad:
            (self._cli.folder / ("bad-%s" % id)).unlink(missing_ok=True)
        self._bad.clear()
        ways: List[Callable[[], None]] = [
            self._add,
            self._remove,
            self._rename,
            self._change_command,
            self._change_needs,
            self._change_input,
            self._lose_output,
            self._change_param,
            self._change_inner,
            self._change_condition,
            self._change_retry,
            self._change_env,
        ]
        for way in self._random.choices(ways, k=self._random.randint(0, 3)):
            way()
        self.write()

    def _pick(self) -> str:
        return self._random.choice(sorted(self._steps))

    def _add(self) -> None:
        self._made += 1
        id = "s%d" % self._made
        # needs are steps that were made before, so that there is no circle
        needs = self._random.sample(sorted(self._steps), min(len(self._steps), 2))
        needs = needs[: self._random.randint(0, 2)]
        kinds = ["plain", "cached", "cached", "param", "fan", "nested", "asks", "skips", "lists"]
        kind = self._random.choice(kinds)
        self._cli.file("%s.in" % id, "0")
        words = "echo %s >> ledger; test ! -e bad-%s || exit 1" % (id, id)
        step: Dict[str, Any] = {"needs": needs, "run": words}
        if kind == "cached":
            inputs = ["%s.in" % id, *(n + ".out" for n in needs if "cache" in self._steps[n])]
            step["cache"] = {"inputs": inputs, "outputs": ["%s.out" % id]}
            step["run"] += "; cat %s > %s.out || true" % (" ".join(inputs), id)
        elif kind == "param":
            step["run"] += "; echo ${{ params.size }}"
            step["cache"] = {"inputs": ["%s.in" % id]}
        elif kind == "fan":
            step["foreach"] = [1, 2]
            if self._random.random() < 0.5:
                step["cache"] = {"inputs": ["%s.in" % id]}
                step["run"] += "; echo ${{ item }}"
        elif kind == "skips":
            step["run"] += "; exit 9"
            step["skip_codes"] = [9]
        elif kind == "lists":
            step["foreach"] = "${{ glob('%s.in') }}" % id
            step["env"] = {"SUM": "${{ hash_files('%s.in') }}" % id}
            step["cache"] = {"inputs": ["${{ item }}"]}
        elif kind in ("nested", "asks"):
            del step["run"]
            if kind == "asks" and needs:
                step["if"] = "steps.%s.state == 'cached'" % needs[0]
            inner: Dict[str, Any] = {"run": "echo %s/a >> ledger" % id}
            also = {"needs": "a", "run": "echo %s/b >> ledger" % id}
            step["steps"] = {"a": inner, "b": also}
            if self._random.random() < 0.4:
                inner["cache"] = {"inputs": ["%s.in" % id]}
            if self._random.random() < 0.3:
                step["foreach"] = ["x", "y"]
        self._steps[id] = step

    def _remove(self) -> None:
        id = self._pick()
        if len(self._steps) > 1:
            del self._steps[id]
            for step in self._steps.values():
                step["needs"] = [need for need in step["needs"] if need != id]

    def _rename(self) -> None:
        old = self._pick()
        self._made += 1
        new = "s%d" % self._made
        text = json.dumps(self._steps[old]).replace("echo %s" % old, "echo %s" % new)
        steps = {new if id == old else id: step for id, step in self._steps.items()}
        steps[new] = json.loads(text)
        for step in steps.values():
            step["needs"] = [new if need == old else need for need in step["needs"]]
        self._steps = steps

    def _change_command(self) -> None:
        step = self._steps[self._pick()]
        if "run" in step:
            step["run"] += "; true"

    def _change_needs(self) -> None:
        id = self._pick()
        before = list(self._steps)[: list(self._steps).index(id)]
        self._steps[id]["needs"] = self._random.sample(before, min(len(before), 1))

    def _change_input(self) -> None:
        self._cli.file("%s.in" % self._pick(), str(self._random.random()))

    def _lose_output(self) -> None:
        (self._cli.folder / ("%s.out" % self._pick())).unlink(missing_ok=True)

    def _change_param(self) -> None:
        self._param += 1

    def _change_inner(self) -> None:
        nested = [step for step in self._steps.values() if "steps" in step]
        if nested:
            inner = self._random.choice(nested)["steps"]
            inner[self._random.choice(sorted(inner))]["run"] += "; true"

    def _change_condition(self) -> None:
        self._steps[self._pick()]["if"] = self._random.choice(["params.size < 1", "1 < 2"])

    def _change_retry(self) -> None:
        step = self._steps[self._pick()]
        if "run" in step:
            step["timeout"] = "5m"

    def _change_env(self) -> None:
        if self._random.random() < 0.3:
            self._env["MODE"] = str(self._random.random())


class Seen:
    """What a command really ran, beside what was foretold of each step that has none in it."""

    def __init__(self, cli: CommandLine, key: str) -> None:
        done = cli.run("plan", "flow.yaml", "--against", "latest", "--format", "json")
        assert done.code == 0, done.err
        self.told = json.loads(done.out)
        self._before = len(ledger(cli))
        self._cli = cli
        steps = self.told["steps"]
        owners = {step["id"].rpartition("/")[0] for step in steps}
        self.foretold = {s["id"]: s[key] for s in steps if s["id"] not in owners and s["will"]}

    def faults(self) -> Dict[str, str]:
        """The steps of which something else was foretold than what came."""
        ran = set(ledger(self._cli)[self._before :])
        found = {}
        for id, fate in self.foretold.items():
            if (fate == "run" and id not in ran) or (fate not in ("run", "unknown") and id in ran):
                found[id] = "%s, but %s" % (fate, "ran" if id in ran else "did not run")
        found.update((id, "not foretold") for id in ran - set(self.foretold))
        return found
