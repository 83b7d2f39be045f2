"""Which modules each command imports: those of orchestra, and those that its own code asks for.

`python -m tests.cli.imports` writes `imports.txt` anew; look at the difference after. What others
import for themselves is not in it, so that it is the same on every Python.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, List, Mapping, Sequence, Tuple

from tests.cli.commandline import CommandLine
from tests.formats.traces import as_json, chain, split_instance

ALLOWED = Path(__file__).with_name("imports.txt")

GOOD = "version: 1\nsteps:\n  a: {run: 'true'}\n"
CACHED = "version: 1\nsteps:\n  a: {run: 'true', cache: {inputs: [good.yaml]}}\n"
TESTS = "workflow: good.yaml\ncases:\n  a: {expect: {state: succeeded}}\n"
NESTED = "version: 1\nsteps:\n  a: {steps: {b: {run: 'true'}}}\n"
BAD = "version: 1\nsteps:\n  a: {runn: 'true'}\n"

CASES: Mapping[str, Sequence[str]] = {
    "version": ["--version"],
    "help": ["--help"],
    "complete": [],
    "validate": ["validate", "new/good.yaml"],
    "validate-bad": ["validate", "bad.yaml"],
    "plan": ["plan", "new/good.yaml"],
    "plan-json": ["plan", "new/good.yaml", "--format", "json"],
    "plan-graph": ["plan", "new/good.yaml", "--format", "mermaid"],
    "plan-nested": ["plan", "new/nested.yaml"],
    "plan-again": ["plan", "good.yaml"],
    "plan-cached": ["plan", "new/cached.yaml"],
    "plan-against": ["plan", "good.yaml", "--against", "latest"],
    "test": ["test", "new/good.test.yaml"],
    "dry-run": ["run", "new/good.yaml", "--dry-run"],
    "import": ["import", "wfformat", "trace.json"],
    "simulate": ["import", "wfformat", "trace.json", "--simulate"],
    "schema": ["schema"],
    "init": ["init", "new/first.yaml"],
    "runs": ["runs"],
    "show": ["show"],
    "logs": ["logs", "a"],
    "replay": ["replay", "--speed", "100"],
    "why": ["why", "a"],
    "report": ["report", "--format", "json"],
    "report-html": ["report", "--format", "html"],
    "cancel": ["cancel"],
    "prune": ["prune", "--keep", "1"],
}
"""Commands by short names. In `new` nothing was ever run; outside of it one run was."""

_COMPLETION = {
    "_ORCHESTRA_COMPLETE": "complete_bash",
    "COMP_WORDS": "orchestra pl",
    "COMP_CWORD": "1",
}

_SCRIPT = """
import atexit, builtins, json, sys
asked, real = set(), builtins.__import__

def note(name, globals=None, locals=None, fromlist=(), level=0):
    module = real(name, globals, locals, fromlist, level)
    if (globals or {}).get("__name__", "").partition(".")[0] == "orchestra":
        asked.add(name)
        asked.update(n for n in (name + "." + word for word in fromlist or ()) if n in sys.modules)
    return module

def tell():
    own = {name for name in sys.modules if name.partition(".")[0] == "orchestra"}
    with open("imported", "w") as file:
        json.dump(sorted((asked | own) - {"__future__"}), file)

atexit.register(tell)
builtins.__import__ = note
from orchestra.cli.app import main
sys.argv[0] = "orchestra"
main()
"""


def prepared(cli: CommandLine) -> CommandLine:
    """The folder in which the cases are tried."""
    for folder in ("", "new/"):
        cli.file(folder + "good.yaml", GOOD).file(folder + "cached.yaml", CACHED)
    cli.file("new/good.test.yaml", TESTS)
    cli.file("new/nested.yaml", NESTED).file("bad.yaml", BAD)
    cli.file("trace.json", as_json(split_instance(chain())))
    cli.run("run", "good.yaml")
    return cli


def imported(cli: CommandLine, case: str) -> List[str]:
    """What a case imports."""
    environ = {**cli.environ, **(_COMPLETION if case == "complete" else {})}
    command = [sys.executable, "-c", _SCRIPT, *CASES[case]]
    subprocess.run(command, cwd=cli.folder, env=environ, capture_output=True, check=False)
    found: List[str] = json.loads(cli.read("imported"))
    return found


def allowed() -> Dict[str, List[str]]:
    """What each case may import: a line for each module, with the cases behind it."""
    modules: Dict[str, List[str]] = {case: [] for case in CASES}
    for line in ALLOWED.read_text("utf-8").splitlines():
        module, _, cases = line.partition(": ")
        for case in _cases(cases):
            modules[case].append(module)
    return modules


def _cases(words: str) -> List[str]:
    first, _, others = words.partition(" but ")
    if first == "all":
        return [case for case in CASES if case not in others.split()]
    return words.split()


def _words(cases: Sequence[str]) -> str:
    others = [case for case in CASES if case not in cases]
    if len(others) > 8:
        return " ".join(cases)
    return " but ".join(["all", " ".join(others)] if others else ["all"])


def lines(found: Mapping[str, Sequence[str]]) -> str:
    """The text of `imports.txt`."""
    modules = sorted({module for each in found.values() for module in each})
    rows: List[Tuple[str, str]] = [
        (module, _words([case for case in CASES if module in found[case]])) for module in modules
    ]
    return "".join("%s: %s\n" % row for row in rows)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        place = prepared(CommandLine(Path(os.path.realpath(name))))
        ALLOWED.write_text(lines({case: imported(place, case) for case in CASES}), "utf-8")
