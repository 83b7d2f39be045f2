"""Runs whose steps go to engines: what they come to is what they come to on this machine."""

from __future__ import annotations

import json
import os
import signal
from typing import Any, Dict, List, Set

import pytest

from tests.cli.commandline import CommandLine
from tests.cli.elsewhere import Engine, slurm_engine
from tests.cli.going import (
    children_of,
    engine_of,
    is_dead,
    ledger,
    plant,
    running,
    until,
    words_of,
)
from tests.slurm.cluster import Cluster

HANDED_ON = """
steps:
  here: {executor: local, run: 'echo "rows=3" >> "$ORCHESTRA_OUTPUT"', outputs: {rows: int}}
  there:
    needs: here
    run: |
      echo "got ${{ steps.here.outputs.rows }} as $ORCHESTRA_STEP"
      echo "twice=${{ 2 * steps.here.outputs.rows }}" >> "$ORCHESTRA_OUTPUT"
    outputs: {twice: int}
  back:
    executor: local
    needs: there
    run: echo "back ${{ steps.there.outputs.twice }}"
outputs: {twice: '${{ steps.there.outputs.twice }}'}
"""


def report(cli: CommandLine) -> Dict[str, Any]:
    shown: Dict[str, Any] = json.loads(cli.run("show", "--format", "json").out)
    return shown


def by_id(cli: CommandLine) -> Dict[str, Any]:
    return {step["id"]: step for step in report(cli)["steps"]}


def places(cli: CommandLine) -> Dict[str, List[str]]:
    """Where the attempts of each step ran."""
    return {
        id: [attempt.get("executor", "local") for attempt in step["attempts"]]
        for id, step in by_id(cli).items()
    }


def attempts(cli: CommandLine, step: str, *fields: str) -> List[List[Any]]:
    """What the report says of these in each attempt of a step."""
    return [[attempt[field] for field in fields] for attempt in by_id(cli)[step]["attempts"]]


def test_outputs_go_there_and_come_back(engine: Engine) -> None:
    cli = engine.flow(HANDED_ON)

    result = cli.run("run", "flow.yaml")

    assert (result.code, result.err) == (0, "")
    assert cli.run("logs", "there").out == "got 3 as there\n"
    assert cli.run("logs", "back").out == "back 6\n"
    assert places(cli) == {"here": ["local"], "there": [engine.name], "back": ["local"]}
    [[outcome, job, node]] = attempts(cli, "there", "outcome", "job", "node")
    assert (outcome, bool(job), bool(node)) == ("succeeded", True, True)


@pytest.mark.parametrize(
    "folder", ["sp ace", "'\"`id`$HOME", "%A%j%%", "back\\slash", "new\nline", "\u6f22", "\udcff"]
)
def test_runs_may_be_recorded_wherever_a_file_may_be(engine: Engine, folder: str) -> None:
    cli = engine.flow("steps: {a: {run: echo ran >>ran}, b: {run: echo ran >>ran}}\n")

    result = cli.run("run", "flow.yaml", "--state-dir", folder)

    assert (result.code, result.err) == (0, "")
    assert cli.read("ran") == "ran\n" * 2


SECRET = """
secrets: [TOKEN]
steps:
  a:
    env: {TOKEN: '${{ secrets.TOKEN }}'}
    run: |
      echo "[$TOKEN]"
      printf %s "$TOKEN" | cut -c 1-4 | tr -d '\\n'; sleep 0.3
      printf %s "$TOKEN" | cut -c 5-
      printf %s "$TOKEN" | base64
"""


def test_secrets_are_masked_in_logs_and_in_the_terminal(engine: Engine) -> None:
    cli = engine.flow(SECRET)
    cli.environ["TOKEN"] = "hunter2hunter22"

    result = cli.run("run", "flow.yaml", "--output", "stream")

    log = cli.run("logs", "a").out
    assert (result.code, log) == (0, "[***]\n***\n***\n")
    assert result.out.count("***") == 3
    run_folder = next((cli.folder / ".orchestra/runs").iterdir())
    kept = b"".join(path.read_bytes() for path in run_folder.rglob("*") if path.is_file())
    kept += (cli.folder / ".orchestra/runs.db").read_bytes()
    assert b"hunter2" not in kept


LEFT = """
steps:
  a:
    run: |
      echo '**rows** 7' >> "$ORCHESTRA_SUMMARY"
      echo made > made.txt
    artifacts: {paths: [made.txt]}
"""


def test_summaries_and_artifacts_are_taken(engine: Engine) -> None:
    cli = engine.flow(LEFT)

    assert cli.run("run", "flow.yaml", "--report", "markdown=page.md").code == 0

    assert "**rows** 7" in cli.read("page.md")
    (kept,) = by_id(cli)["a"]["artifacts"]
    assert (cli.folder / ".orchestra/runs" / report(cli)["run_id"] / kept["path"]).read_text() == (
        "made\n"
    )


CODES = """
steps:
  again:
    run: '[ "$ORCHESTRA_ATTEMPT" = 3 ] || exit 75'
    retry: {max: 3, delay: 0s, when: {exit_codes: [75]}}
  once: {run: exit 4, retry: {max: 3, delay: 0s, when: {exit_codes: [75]}}, allow_failure: true}
  skips: {run: exit 100, skip_codes: [100]}
  fine: {run: exit 3, success_codes: [3]}
  dies: {run: 'kill -ABRT $$', allow_failure: true}
  absent: {command: [no-such-program], allow_failure: true}
"""


def test_exit_codes_mean_what_the_file_says(engine: Engine) -> None:
    cli = engine.flow(CODES)

    result = cli.run("run", "flow.yaml")

    assert result.code == 0
    assert attempts(cli, "again", "outcome", "exit_code") == [
        ["failed", 75],
        ["failed", 75],
        ["succeeded", 0],
    ]
    assert attempts(cli, "once", "outcome", "exit_code") == [["failed", 4]]
    assert attempts(cli, "dies", "outcome", "signal") == [["signalled", "SIGABRT"]]
    assert attempts(cli, "absent", "outcome", "exit_code") == [["not_launched", None]]
    assert "no-such-program: no such program in PATH" in by_id(cli)["absent"]["reason"]
    states = {id: step["state"] for id, step in by_id(cli).items()}
    assert states == {
        "again": "succeeded",
        "once": "allowed_failure",
        "skips": "skipped",
        "fine": "succeeded",
        "dies": "allowed_failure",
        "absent": "allowed_failure",
    }


LATE = """
steps:
  a:
    run: 'trap "echo asked; exit 7" TERM; echo begun; sleep 60 & wait'
    timeout: 8s
    stop: {grace: 10m}
"""


def test_a_step_that_takes_too_long_is_asked_to_end_where_it_runs(engine: Engine) -> None:
    cli = engine.flow(LATE)

    result = cli.run("run", "flow.yaml")

    assert result.code == 1
    assert attempts(cli, "a", "outcome") == [["timed_out"]]
    assert cli.run("logs", "a").out == "begun\nasked\n"


QUEUED = """
steps:
  hold:
    foreach: ${{ range(%d) }}
    resources: {cpu: %d}
    run: echo begun >> ledger; while [ ! -e go ]; do sleep 0.05; done
  gate:
    executor: local
    run: |
      while [ "$(grep -c begun ledger)" != %d ]; do sleep 0.05; done
  late: {needs: gate, resources: {cpu: %d}, timeout: 8s, run: echo late}
  open: {needs: gate, executor: local, run: sleep 9; touch go}
"""


def test_time_in_the_queue_is_no_time_of_the_step(engine: Engine) -> None:
    cli = engine.flow(QUEUED % (engine.room, engine.cpu, engine.room, engine.cpu))

    assert cli.run("run", "flow.yaml").code == 0

    [[outcome, queue_s]] = attempts(cli, "late", "outcome", "engine_queue_s")
    assert (outcome, queue_s > 8) == ("succeeded", True)


GREEDY = """
steps:
  a:
    python: |
      import os, time
      x = bytearray(150 << 20)
      time.sleep(600 if os.environ["ORCHESTRA_ATTEMPT"] == "1" else 0)
    resources: {memory: 100MiB}
    retry: {max: 2, delay: 0s, when: {oom: true}, resources: {memory: x4}}
"""


@pytest.mark.engines
def test_a_retry_asks_for_more_memory(cli: CommandLine, shared_cluster: Cluster) -> None:
    engine = slurm_engine(cli, shared_cluster)

    result = engine.flow(GREEDY).run("run", "flow.yaml")

    assert result.code == 0
    assert attempts(cli, "a", "outcome") == [["out_of_memory"], ["succeeded"]]


HANDLED = """
steps:
  a:
    run: echo a $ORCHESTRA_STEP; exit 1
    fallback: {run: echo mirrored}
    on_success: {run: echo told}
  b:
    run: exit 1
    allow_failure: true
    on_failure: {run: echo rolled back}
    finally: {run: echo tidied}
finally: {run: echo over}
"""


def test_handlers_of_a_step_run_where_it_does_and_those_of_the_run_here(engine: Engine) -> None:
    cli = engine.flow(HANDLED)

    assert cli.run("run", "flow.yaml").code == 0

    assert places(cli) == {
        "a": [engine.name],
        "a:fallback": [engine.name],
        "a:on_success": [engine.name],
        "b": [engine.name],
        "b:on_failure": [engine.name],
        "b:finally": [engine.name],
        ":finally": ["local"],
    }
    states = {id: step["state"] for id, step in by_id(cli).items()}
    assert (states["a"], states["b"]) == ("recovered", "allowed_failure")
    assert cli.run("logs", "b:on_failure").out == "rolled back\n"


FANNED = """
steps:
  list: {executor: local, run: "echo 'all=[3, 1, 2]' >> $ORCHESTRA_OUTPUT", outputs: {all: json}}
  each:
    needs: list
    foreach: ${{ steps.list.outputs.all }}
    run: |
      echo ${{ item }} >> ledger
      echo "square=$(expr ${{ item }} '*' ${{ item }})" >> "$ORCHESTRA_OUTPUT"
    outputs: {square: int}
  sum:
    executor: local
    needs: each
    run: echo ${{ sum(steps.each.outputs.square) }} ${{ steps.each.outputs.square }}
"""


def test_a_fan_out_goes_there_with_its_outputs_in_order(engine: Engine) -> None:
    cli = engine.flow(FANNED)

    assert cli.run("run", "flow.yaml").code == 0

    assert sorted(ledger(cli)) == ["1", "2", "3"]
    assert cli.run("logs", "sum").out == "14 9 1 4\n"
    assert [where for id, where in places(cli).items() if "[" in id] == [[engine.name]] * 3


BUDGETED = """
budget: {db: 2}
steps:
  query:
    foreach: [1, 2, 3, 4, 5, 6]
    resources: {db: 1}
    run: echo +q >> ledger; sleep 0.4; echo -q >> ledger
  alone:
    foreach: [1, 2, 3]
    mutex: one
    run: echo +a >> ledger; sleep 0.2; echo -a >> ledger
"""


def most_at_once(marks: List[str], name: str) -> int:
    """The most that were between `+name` and `-name` at one time."""
    now, most = 0, 0
    for mark in marks:
        now += (mark == "+" + name) - (mark == "-" + name)
        most = max(most, now)
    return most


def test_named_budgets_and_mutexes_hold_there(engine: Engine) -> None:
    cli = engine.flow(BUDGETED)

    assert cli.run("run", "flow.yaml").code == 0

    marks = ledger(cli)
    assert len(marks) == 18
    assert most_at_once(marks, "q") <= 2
    assert most_at_once(marks, "a") == 1


LOADED = """
import json, sys
from orchestra.engine.driver import Driver
run = Driver.run
def told(driver):
    code = run(driver)
    with open("loaded", "w") as file:
        json.dump(sorted(sys.modules), file)
    return code
Driver.run = told
"""
OF_ELSEWHERE = {"known", "hosted", "mixed", "host", "frames", "slurm", "dask", "errands", "wrapper"}


def loaded(cli: CommandLine, name: str) -> Set[str]:
    """What the engine of a run has loaded of orchestra's executors by its end."""
    assert cli.run("run", name).code == 0
    modules = json.loads(cli.read("loaded"))
    return {name.rpartition(".")[2] for name in modules if name.startswith("orchestra.executors.")}


def test_a_run_with_no_step_elsewhere_loads_nothing_for_it(process: Engine) -> None:
    steps = "steps: {a: {run: 'true'}}\n"
    cli = plant(process.flow(steps), LOADED).file("here.yaml", "version: 1\n" + steps)

    assert loaded(cli, "here.yaml") & OF_ELSEWHERE == set()
    assert "hosted" in loaded(cli, "flow.yaml")


def test_what_an_engine_runs_on_this_machine_outlives_the_orchestrator(process: Engine) -> None:
    cli = process.cli
    steps = """
steps:
  there: {run: 'echo begun >> ledger; while [ ! -e go ]; do sleep 0.02; done; echo done >> ledger'}
  here: {executor: local, run: 'while [ ! -e on ]; do sleep 0.02; done'}
"""
    started = running(cli, "version: 1\n" + process.root + steps)
    engine = engine_of(started)
    (helper,) = [pid for pid in children_of(engine) if b"hosting" in words_of(pid)]
    os.kill(engine, signal.SIGKILL)
    until(lambda: is_dead(helper))  # so that the keeper has what that leaves
    (cli.folder / "on").touch()
    started.communicate(timeout=180)

    (cli.folder / "go").touch()
    result = cli.run("resume")

    assert (started.returncode, result.code) == (3, 0)
    assert ledger(cli) == ["begun", "done"]
