"""The reference page is made from the schema, and each of its examples runs.

A new key needs nothing here but `examples` in the schema. Where an example cannot stand alone, a
file goes into FILES, a value into PARAMS or ENVIRON, and a key beside it into BESIDE.
"""

from __future__ import annotations

import copy
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Tuple

import pytest
import yaml

from orchestra.spec.handlers import HANDLER_KEYS
from orchestra.spec.reference import ITEM, Key, as_yaml, dotted, page, resolve, sections
from orchestra.spec.schema import schema_text
from tests.cli.commandline import CommandLine, Result

FILES: Mapping[str, str] = {
    "numbers.txt": "3\n1\n2\n",
    "convert.py": "import sys\nprint(sys.argv[1:])\n",
    "tasks.py": "def load(date='', **more):\n    return {'date': date}\n",
    "echo.py": "import sys\nprint(sys.argv[1:])\n",
    "build/empty.txt": "",
    "rollback.yaml": "params: {region: eu}\nsteps: {example: {run: 'true'}}\n",
    "other.yaml": "params: {region: eu, copies: 1}\nsteps: {example: {run: 'true'}}\n",
    "data/2026-01-31.csv": "3\n",
    "src/main.c": "int main(void) {return 0;}\n",
    "out/table.parquet": "PAR1",
    ".env": "MODE=fast\n",
    "base.env": "MODE=fast\n",
    "local.env": "MODE=slow\n",
    "db-password.txt": "hunter2-hunter2\n",
    "unlock.sh": "echo key-of-$1\n",
}
"""What every example finds in its folder."""

PARAMS: Mapping[str, Any] = {"date": "2026-01-31", "region": "eu", "file": "numbers.txt"}
"""What an example gets that names `params.X`."""

ENVIRON: Mapping[str, str] = {"API_TOKEN": "tok-5f3a99c1"}
"""Variables that orchestra is started with."""

BESIDE: Mapping[str, Mapping[str, Any]] = {
    "notify[].name": {"command": ["true"]},
    "notify[].when": {"command": ["true"]},
    "notify[].timeout": {"command": ["true"]},
    "notify[].slow_after": {"when": "slow", "command": ["true"]},
    "params.NAME.required": {"default": "eu"},
    "params.NAME.pattern": {"default": "eu-1"},
    "params.NAME.min": {"type": "int"},
    "params.NAME.max": {"type": "int"},
    "steps.ID.shell#2": {"run": "print('from Python')"},
    "steps.ID.python.preload": {"file": "convert.py"},
    "steps.ID.with": {"uses": "./other.yaml"},
    "on_success.with": {"uses": "./rollback.yaml"},
    "steps.ID.max_parallel": {"foreach": [1, 2]},
    "steps.ID.fail_fast": {"foreach": [1, 2]},
    "steps.ID.matrix.exclude": {"py": ["3.9", "3.13"], "os": ["alpine", "debian"]},
    "steps.ID.python.args#1": {"module": "echo"},
    "steps.ID.python.args#2": {"call": "tasks:load"},
    "steps.ID.python.interpreter": {"module": "echo"},
    "steps.ID.jobserver": {"resources": {"cpu": 4}},
    "steps.ID.enforce": {"resources": {"memory": "512MiB"}},
    "steps.ID.cache.env": {"inputs": ["convert.py"]},
    "steps.ID.cache.key": {"inputs": ["convert.py"]},
    "steps.ID.outputs": {"run": 'printf "rows=3\\nfiles=[]\\n" >> "$ORCHESTRA_OUTPUT"'},
}
"""Keys that an example needs in its own mapping: by the key's path, `#n` for its n-th example."""

_ROOM = {"gpu": 4, "db": 4, "memory": "64GiB", "disk": "1TB", "network": "1GB"}
AROUND: Mapping[str, Mapping[str, Any]] = {
    "steps": {"budget": _ROOM},
    "defaults": {"budget": _ROOM},
    "defaults.shell#2": {"steps": {"example": {"run": "print('from Python')"}}},
    "steps.ID.retry.resources": {"steps": {"example": {"resources": {"memory": "1GiB"}}}},
    "budget.cpu": {"steps": {"example": {"resources": {"cpu": "500m"}}}},
}
"""What else the workflow needs: by the key's path, as above, or by that of a key around it."""

BODIES = {"run", "command", "python", "uses", "steps"}
NO_BODY_OF_ITS_OWN = {"run": "true"}

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference.md"
SCHEMA: Mapping[str, Any] = json.loads(schema_text())
SECTIONS = sections(SCHEMA)
RULES_BY_PATH = {section.path: section.rules for section in SECTIONS}
KEYS = [key for section in SECTIONS for key in section.keys]


class Case(NamedTuple):
    """One example of one key; `number` counts the key's examples from 1."""

    key: Key
    number: int

    @property
    def name(self) -> str:
        return "%s#%d" % (self.key.name, self.number)

    @property
    def folder(self) -> str:
        return re.sub(r"\W", "-", self.name)


CASES = [Case(key, n) for key in KEYS for n in range(1, len(key.examples) + 1)]


def workflow(case: Case) -> Dict[str, Any]:
    """The smallest workflow that holds the example at its place and can run."""
    value: Any = copy.deepcopy(case.key.examples[case.number - 1])
    path = case.key.path
    beside = BESIDE.get(case.name, BESIDE.get(case.key.name, {}))
    for place in range(len(path) - 1, -1, -1):
        if path[place] == ITEM:
            value = [value]
            continue
        value = {**beside, path[place].replace("NAME", "example").replace("ID", "example"): value}
        beside = {}
        value = {**_required(path[:place], value), **value}
    data: Dict[str, Any] = value
    for name in (*(dotted(path[:n]) for n in range(1, len(path) + 1)), case.name):
        data = _merged(AROUND.get(name, {}), data)
    _complete(data)
    return data


def _merged(under: Any, over: Any) -> Any:
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return over
    both = {name: _merged(under[name], over[name]) for name in under if name in over}
    return {**copy.deepcopy(under), **over, **both}


def _required(path: Tuple[str, ...], given: Mapping[str, Any]) -> Dict[str, Any]:
    """The first examples of the other keys that the mapping at `path` must have."""
    rules = RULES_BY_PATH.get(path, {})
    missing = [name for name in rules.get("required", ()) if name not in given and path]
    return {name: resolve(SCHEMA, rules["properties"][name])["examples"][0] for name in missing}


def _complete(data: Dict[str, Any]) -> None:
    """Add what the example names: params, steps that it needs, a body for each step."""
    named = sorted(set(re.findall(r"\bparams\.(\w+)", as_yaml(data))))
    if named:
        given = data.get("params", {})
        data["params"] = {**{name: PARAMS[name] for name in named}, **given}
    steps = data.setdefault("steps", {"example": {}})
    for step in list(steps.values()):
        for need in _needed(step):
            steps.setdefault(need, dict(NO_BODY_OF_ITS_OWN))
        if BODIES.isdisjoint(step):
            step.update(NO_BODY_OF_ITS_OWN)
    for holder in (data, *steps.values()):
        for handler in (holder[name] for name in HANDLER_KEYS if name in holder):
            if BODIES.isdisjoint(handler):
                handler.update(NO_BODY_OF_ITS_OWN)


def _needed(step: Mapping[str, Any]) -> List[str]:
    needs = step.get("needs", [])
    needs = needs if isinstance(needs, list) else [needs]
    return [need["step"] if isinstance(need, dict) else need for need in needs]


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> Dict[str, CommandLine]:
    """A folder for each case, by name, with its workflow and FILES."""
    root = tmp_path_factory.mktemp("reference")
    places = {}
    for case in CASES:
        cli = CommandLine(root / case.folder)
        cli.environ.update(ENVIRON)
        for name, text in FILES.items():
            cli.file(name, text)
        places[case.name] = cli.file("flow.yaml", as_yaml(workflow(case)) + "\n")
    return places


@pytest.fixture(scope="module")
def ran(places) -> Dict[str, Result]:
    """Every case by name as it ran, each by a command line of its own, a few at a time.

    All of it runs here, also what names another executor.
    """
    words = ("run", "flow.yaml", "--executor", "local")
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return dict(zip(places, pool.map(lambda cli: cli.run(*words), places.values())))


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_every_example_runs(ran, case):
    result = ran[case.name]
    assert result.code == 0, "%s\n%s\n%s" % (as_yaml(workflow(case)), result.out, result.err)


def test_every_example_is_valid(places):
    files = [str(cli.folder / "flow.yaml") for cli in places.values()]
    # of a key that declares something no more stands there
    unused = ["--ignore", "unused-param,unused-secret,unused-var"]
    result = places[CASES[0].name].run("validate", *unused, *files)
    lines = [re.sub(r", \d+ steps?$", "", line) for line in result.out.splitlines()]
    assert (result.code, result.err, lines) == (0, "", [file + ": ok" for file in files])


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_an_example_on_the_page_is_the_one_of_the_schema(case):
    example = {case.key.path[-1]: case.key.examples[case.number - 1]}
    assert yaml.safe_load(as_yaml(example)) == example


@pytest.mark.parametrize("key", KEYS, ids=[key.name for key in KEYS])
def test_every_key_has_a_description_and_an_example(key):
    assert (bool(key.rules.get("description")), bool(key.examples)) == (True, True)


def test_the_page_is_what_the_schema_says():
    is_fresh = PAGE.read_text(encoding="utf-8") == page(SCHEMA)
    assert is_fresh, "the schema has changed: run `python -m orchestra.spec.generate`"


def test_what_is_put_beside_examples_is_for_keys_that_exist():
    names = {case.name for case in CASES} | {key.name for key in KEYS}
    assert set(BESIDE) - names == set()
    assert set(AROUND) - names == set()
