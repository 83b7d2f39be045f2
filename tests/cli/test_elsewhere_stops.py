"""Runs at engines that are stopped or whose orchestrator dies: nothing is lost, left, doubled."""

from __future__ import annotations

import json
import os
import signal
from typing import Any, List

import pytest

from tests.cli.commandline import CommandLine
from tests.cli.elsewhere import Engine, left_of
from tests.cli.going import die, ledger, plant, until

CROWDED = """
steps:
  each:
    foreach: '${{ range(%d) }}'
    resources: {cpu: %d}
    run: 'trap "echo asked >> ledger; exit 5" TERM; echo begun >> ledger; sleep 100 & wait'
    on_cancel: {run: echo handled >> ledger}
"""

STUBBORN = """
steps:
  a:
    run: 'trap "echo asked >> ledger" TERM; echo begun >> ledger; while :; do sleep 0.05 || :; done'
    stop: {grace: 10m}
"""

WAITS = """
steps:
  a:
    run: |
      echo begun >> ledger
      while [ ! -e go ]; do sleep 0.02; done
      echo said; echo ended >> ledger
  b: {needs: a, executor: local, run: echo b >> ledger}
"""


def crowd(engine: Engine) -> CommandLine:
    """A workflow with one step more than the engine runs at once."""
    return engine.flow(CROWDED % (engine.room + 1, engine.cpu))


def outcomes(cli: CommandLine, id: str = "a") -> List[Any]:
    """How the attempts of a step ended."""
    shown = json.loads(cli.run("show", "--format", "json").out)
    (step,) = [step for step in shown["steps"] if step["id"] == id]
    return [attempt["outcome"] for attempt in step["attempts"]]


def begun(cli: CommandLine, times: int) -> None:
    until(lambda: ledger(cli).count("begun") == times)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_in_order_what_runs_and_what_waits_there(
    engine: Engine, number: signal.Signals
) -> None:
    run = crowd(engine).start("run", "flow.yaml")
    begun(engine.cli, engine.room)

    run.send_signal(number)

    run.communicate(timeout=60)
    assert run.returncode == 128 + number
    assert sorted(ledger(engine.cli)) == [
        *["asked"] * engine.room,
        *["begun"] * engine.room,
        *["handled"] * (engine.room + 1),
    ]


def test_the_second_signal_ends_at_once_what_ignores_the_first(engine: Engine) -> None:
    cli = engine.flow(STUBBORN)
    run = cli.start("run", "flow.yaml")
    begun(cli, 1)
    run.send_signal(signal.SIGTERM)
    until(lambda: "asked" in ledger(cli))

    run.send_signal(signal.SIGINT)

    run.communicate(timeout=60)
    # what ends a job in Slurm may ask it to, once more, before it does
    assert (run.returncode, {*ledger(cli)}) == (143, {"begun", "asked"})


def test_cancel_stops_a_run_from_another_terminal(engine: Engine) -> None:
    run = crowd(engine).start("run", "flow.yaml")
    begun(engine.cli, engine.room)

    result = engine.cli.run("cancel")

    run.communicate(timeout=60)
    assert (result.code, run.returncode) == (0, 143)
    assert result.err.endswith("ended: cancelled (stopped by SIGTERM), exit code 143\n")
    assert sorted(ledger(engine.cli)) == [
        *["asked"] * engine.room,
        *["begun"] * engine.room,
        *["handled"] * (engine.room + 1),
    ]


def test_what_ends_while_nobody_looks_is_taken_when_the_run_goes_on(engine: Engine) -> None:
    cli = engine.flow(WAITS)
    run = cli.start("run", "flow.yaml")
    begun(cli, 1)
    until(lambda: "running" in cli.run("show").out)
    die(run)
    cli.file("go", "")
    until(lambda: "ended" in ledger(cli))

    result = cli.run("resume")

    assert (result.code, ledger(cli)) == (0, ["begun", "ended", "b"])
    assert outcomes(cli) == ["succeeded"]
    assert cli.run("logs", "a").out == "said\n"


def test_what_still_runs_when_the_run_goes_on_is_followed_to_its_end(engine: Engine) -> None:
    cli = engine.flow(WAITS)
    first = cli.start("run", "flow.yaml")
    begun(cli, 1)
    die(first)
    second = cli.start("resume")
    until(lambda: "taken over" in cli.run("show").out)

    cli.file("go", "")

    second.communicate(timeout=60)
    assert (second.returncode, ledger(cli)) == (0, ["begun", "ended", "b"])
    assert outcomes(cli) == ["succeeded"]
    assert cli.run("logs", "a").out == "said\n"


AS_IT_IS_TOLD = """
import os, signal
from orchestra.engine.ports import Queued
from orchestra.executors.hosted import HostedExecutor
collect = HostedExecutor.collect
def collected(self):
    stimuli = collect(self)
    if any(isinstance(each, Queued) for each in stimuli):
        os.kill(os.getpid(), signal.SIGKILL)
    return stimuli
HostedExecutor.collect = collected
"""
"""The engine has a job of which it was not recorded which."""

AS_IT_HANDS_OVER = """
import os, signal
from orchestra.executors.hosted import HostedExecutor
HostedExecutor.submit = lambda self, batch: os.kill(os.getpid(), signal.SIGKILL)
"""
"""What was recorded to begin never does."""


@pytest.mark.parametrize(
    ("moment", "come"),
    [
        pytest.param(AS_IT_IS_TOLD, ["succeeded"], id="submitted"),
        pytest.param(AS_IT_HANDS_OVER, ["interrupted", "succeeded"], id="not-submitted"),
    ],
)
def test_each_step_runs_once_whenever_its_orchestrator_dies(
    engine: Engine, moment: str, come: List[str]
) -> None:
    cli = engine.flow(WAITS).file("go", "")
    before = cli.environ["PYTHONPATH"]
    died = plant(cli, moment).run("run", "flow.yaml")
    cli.environ["PYTHONPATH"] = before

    result = cli.run("resume")

    assert (died.code, result.code) == (3, 0)
    assert ledger(cli) == ["begun", "ended", "b"]
    assert outcomes(cli) == come


def test_cancel_ends_what_a_killed_orchestrator_left_there(engine: Engine) -> None:
    cli = crowd(engine)
    run = cli.start("run", "flow.yaml")
    begun(cli, engine.room)
    die(run)

    result = cli.run("cancel")

    assert (result.code, len(left_of(cli)), engine.is_idle()) == (0, 0, True)
    assert "was cut off; nothing of it runs any more" in result.err
    assert sorted(ledger(cli)) == ["asked"] * engine.room + ["begun"] * engine.room


def test_what_was_cancelled_after_a_death_runs_again_and_what_had_ended_does_not(
    engine: Engine,
) -> None:
    steps = """
steps:
  quick: {run: 'while [ ! -e dead ]; do sleep 0.02; done; echo quick >> ledger'}
  slow: {run: 'echo begun >> ledger; [ -e go ] || exec sleep 100'}
"""
    cli = engine.flow(steps)
    run = cli.start("run", "flow.yaml")
    begun(cli, 1)
    die(run)
    cli.file("dead", "")
    until(lambda: "quick" in ledger(cli) and len(list(cli.folder.rglob("errands/*/end"))) == 1)
    assert cli.run("cancel").code == 0
    cli.file("go", "")

    assert cli.run("resume").code == 0

    assert ledger(cli) == ["begun", "quick", "begun"]
    assert [outcomes(cli, id) for id in ("quick", "slow")] == [
        ["succeeded"],
        ["interrupted", "succeeded"],
    ]


def test_the_end_of_a_helper_process_is_no_harm(engine: Engine) -> None:
    cli = engine.flow(WAITS)
    run = cli.start("run", "flow.yaml")
    begun(cli, 1)
    helpers = helpers_of(cli)

    os.kill(helpers[0], signal.SIGKILL)

    until(lambda: helpers_of(cli) not in ([], helpers))
    cli.file("go", "")
    run.communicate(timeout=60)
    assert (run.returncode, ledger(cli)) == (0, ["begun", "ended", "b"])
    assert outcomes(cli) == ["succeeded"]


def helpers_of(cli: CommandLine) -> List[int]:
    """The processes of engines' clients that serve runs of the folder."""
    return [pid for pid, words in left_of(cli).items() if "orchestra.executors.host" in words]
