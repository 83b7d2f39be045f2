"""Python steps that a fork server starts, when orchestra dies or is asked to stop; preloading."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import List

import pytest

from tests.cli.commandline import CommandLine
from tests.cli.going import die, engine_of, is_dead, ledger, running, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")

WAITS = """
version: 1
steps:
  a:
    python: |
      import os, time
      open("ledger", "a").write("begun ")
      while not os.path.exists("go"): time.sleep(0.02)
      print("said"); open("ledger", "a").write("ended ")
      outputs["x"] = 1
    outputs: {x: int}
"""


def attempts(cli: CommandLine) -> List[dict]:
    """Those of the only step of the latest run."""
    (step,) = json.loads(cli.run("show", "--format", "json").out)["steps"]
    found: List[dict] = step["attempts"]
    return found


def servers_of(engine: int) -> List[int]:
    """The fork servers among the children of an engine."""
    with open("/proc/%d/task/%d/children" % (engine, engine)) as file:
        pids = [int(pid) for pid in file.read().split()]
    environs = {pid: Path("/proc/%d/environ" % pid).read_bytes() for pid in pids}
    return [pid for pid in pids if environs[pid].startswith(b"ORCHESTRA_SERVER=")]


def test_it_goes_on_when_the_engine_dies_and_its_end_counts(cli: CommandLine) -> None:
    process = running(cli, WAITS)
    engine = engine_of(process)
    (server,) = servers_of(engine)
    os.kill(engine, signal.SIGKILL)
    until(lambda: is_dead(server))
    cli.file("go", "")

    _, err = process.communicate(timeout=180)
    resumed = cli.run("resume", "--output", "quiet")

    assert (process.returncode, "1 step goes on" in err) == (3, True)
    assert (resumed.code, ledger(cli)) == (0, ["begun", "ended"])
    assert [each["outcome"] for each in attempts(cli)] == ["succeeded"]
    assert cli.run("logs", "a").out == "said\n"


def test_it_is_taken_over_when_keeper_and_engine_die(cli: CommandLine) -> None:
    die(running(cli, WAITS))
    second = cli.start("resume")
    until(lambda: "taken over" in cli.run("show").out)
    cli.file("go", "")
    second.communicate(timeout=180)

    outcomes = [each["outcome"] for each in attempts(cli)]
    # some kernels alone tell how what nobody waited for ended; where none does it is made again
    expected = {
        1: (0, ["succeeded"], ["begun", "ended"]),
        2: (0, ["interrupted", "succeeded"], ["begun", "ended"] * 2),
    }
    assert (second.returncode, outcomes, ledger(cli)) == expected[len(outcomes)]


def test_no_step_runs_twice_at_once_wherever_the_engine_dies(cli: CommandLine) -> None:
    step = """{python: 'import os, time; me = os.environ["ORCHESTRA_STEP"]; o = lambda w:
      os.write(os.open("marks", 1089, 384), ("%s %s\\n" % (w, me)).encode()); o("begin");
      time.sleep(0.05); o("end")'}"""
    steps = "".join("  s%d: %s\n" % (number, step) for number in range(24))
    cli.file("flow.yaml", "version: 1\nsteps:\n" + steps)
    process = cli.start("run", "flow.yaml", "-j", "4")
    for number in range(6):
        engine = engine_of(process)
        until(lambda: process.poll() is not None or len(marks(cli)) > 4 * number)  # noqa: B023
        if process.poll() is None:
            os.kill(engine, signal.SIGKILL)
        process.communicate(timeout=180)
        process = cli.start("resume")
    process.communicate(timeout=180)
    last = cli.run("resume")

    open_steps: List[str] = []
    for word, step in (mark.split() for mark in marks(cli)):
        assert word == "end" or step not in open_steps
        open_steps.append(step) if word == "begin" else open_steps.remove(step)
    assert (open_steps, last.code in (0, 2)) == ([], True)
    assert len({mark for mark in marks(cli) if mark.startswith("end")}) == 24
    assert "Traceback" not in last.err


def marks(cli: CommandLine) -> List[str]:
    path = cli.folder / "marks"
    return path.read_text().splitlines() if path.exists() else []


def test_a_cancelled_run_leaves_no_server(cli: CommandLine) -> None:
    process = running(cli, WAITS)
    (server,) = servers_of(engine_of(process))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=180)
    assert (process.returncode, is_dead(server)) == (143, True)


def test_without_python_steps_there_is_no_server(cli: CommandLine) -> None:
    text = "version: 1\nsteps: {a: {run: 'echo begun >> ledger; sleep 1'}}\n"
    process = running(cli, text)
    assert servers_of(engine_of(process)) == []
    process.communicate(timeout=180)


PRELOADS = """
version: 1
defaults: {python: {preload: [%s]}}
steps:
  a: {python: "import sys; print('decimal' in sys.modules)"}
  b: {python: {file: b.py}}
  c: {python: {file: b.py, preload: []}}
"""


def test_a_module_is_preloaded_for_those_that_say_nothing_else(cli: CommandLine) -> None:
    cli.file("b.py", "import sys; print('decimal' in sys.modules)\n")
    assert cli.file("flow.yaml", PRELOADS % "decimal").run("run", "flow.yaml").code == 0
    assert [cli.run("logs", id).out for id in "abc"] == ["True\n", "True\n", "False\n"]


def test_a_module_that_is_missing_is_told_once_and_steps_run(cli: CommandLine) -> None:
    cli.file("b.py", "print(1)\n")
    ended = cli.file("flow.yaml", PRELOADS % "no_such_module").run("run", "flow.yaml")
    said = re.findall(r"note: (.*no_such_module'?)", ended.out)
    why = "preload no_such_module: ModuleNotFoundError: No module named 'no_such_module'"
    assert (ended.code, {text.rpartition("each: ")[2] for text in said}) == (0, {why})
    assert [cli.run("logs", id).out for id in "abc"] == ["False\n", "1\n", "1\n"]


def test_preload_beside_another_interpreter_is_warned_of(cli: CommandLine) -> None:
    text = "version: 1\nsteps: {a: {python: {module: this, interpreter: x, preload: [json]}}}\n"
    ended = cli.file("flow.yaml", text).run("validate", "flow.yaml")
    assert (ended.code, "`preload` does nothing beside `interpreter`" in ended.out + ended.err) == (
        0,
        True,
    )
