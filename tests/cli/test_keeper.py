"""What reaches the process that a user started, and what becomes of the run."""

from __future__ import annotations

import json
import os
import signal
from datetime import datetime, timezone

import pytest

from tests.cli.commandline import CommandLine
from tests.cli.going import die, engine_of, is_dead, ledger, plant, running, until

CLEANS_UP = """
version: 1
steps:
  a: {run: "trap 'echo cleaned >> ledger; exit 1' TERM; echo begun >> ledger; sleep 30 & wait"}
finally: {run: "echo done >> ledger"}
"""


AT_ONCE = "import orchestra.engine.signals as signals; signals.ONE_S = 60.0\n"
"""What is sent twice is taken for one, however long a busy machine takes from one to the other."""

HELD_UP = """
import os, time
from orchestra.engine.driver import Driver
run = Driver.run
def held_up(driver):
    open("arrived", "w").close()
    while not os.path.exists("go"):
        time.sleep(0.02)
    return run(driver)
Driver.run = held_up
"""
"""The engine waits where the run would begin, until there is a file `go`."""


def test_a_signal_that_is_sent_twice_at_once_leaves_time_for_clean_up(cli: CommandLine) -> None:
    process = running(plant(cli, AT_ONCE), CLEANS_UP)
    for _ in range(2):  # as timeout(1) does: to the process, and to its group
        process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=180)
    assert (process.returncode, ledger(cli)) == (143, ["begun", "cleaned", "done"])
    assert "at once" not in out


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_run_has_begun_ends_the_keeper_as_it_ends_the_engine(
    cli: CommandLine, number: signal.Signals
) -> None:
    process = cli.file("flow.yaml", CLEANS_UP).start("run", "flow.yaml")
    engine = engine_of(process)
    process.send_signal(signal.SIGSTOP)
    os.kill(engine, number)
    process.send_signal(signal.SIGCONT)
    _, err = process.communicate(timeout=180)
    assert process.returncode in (-number, 128 + number)
    assert "Traceback" not in err


WAITS = """
version: 1
steps:
  a:
    run: |
      echo begun >> ledger
      while [ ! -e go ]; do sleep 0.02; done
      echo said; echo ended >> ledger
"""


def report(cli: CommandLine) -> dict:
    """What `show` shows of the latest run."""
    shown: dict = json.loads(cli.run("show", "--format", "json").out)
    return shown


def test_a_step_that_outlives_two_orchestrators_is_seen_to_by_the_second_keeper(
    cli: CommandLine,
) -> None:
    die(running(cli, WAITS))
    with (cli.folder / "err").open("w") as err:
        second = cli.start("resume", stderr=err)
    until(lambda: "taken over" in cli.run("show").out)
    os.kill(engine_of(second), signal.SIGKILL)
    until(lambda: "1 step goes on" in cli.read("err"))
    cli.file("go", "")

    second.communicate(timeout=180)
    third = cli.run("resume", "--output", "quiet")

    assert second.returncode == 3
    assert (third.code, ledger(cli)) == (0, ["begun", "ended"])
    (step,) = report(cli)["steps"]
    assert [attempt["outcome"] for attempt in step["attempts"]] == ["succeeded"]
    assert cli.run("logs", "a").out == "said\n"


def test_the_time_until_a_run_goes_on_is_no_time_of_a_step_that_had_ended(
    cli: CommandLine,
) -> None:
    process = running(cli, WAITS)
    os.kill(engine_of(process), signal.SIGKILL)
    cli.file("go", "")
    process.communicate(timeout=180)
    ended_before = datetime.now(timezone.utc)

    assert cli.run("resume", "--output", "quiet").code == 0

    (step,) = report(cli)["steps"]
    assert step["attempts"][0]["ended_at"] < ended_before.isoformat()


def test_a_run_whose_engine_was_killed_before_it_began_is_none(cli: CommandLine) -> None:
    process = plant(cli, HELD_UP).file("flow.yaml", CLEANS_UP).start("run", "flow.yaml")
    until((cli.folder / "arrived").exists)

    os.kill(engine_of(process), signal.SIGKILL)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 3
    assert err == "error: orchestra was killed by SIGKILL before the run had begun\n"
    assert list((cli.folder / ".orchestra" / "runs").iterdir()) == []


def test_nothing_is_started_where_the_keeper_was_killed_before_the_run_began(
    cli: CommandLine,
) -> None:
    process = plant(cli, HELD_UP).file("flow.yaml", CLEANS_UP).start("run", "flow.yaml")
    until((cli.folder / "arrived").exists)
    engine = engine_of(process)

    process.kill()
    process.wait(60)
    cli.file("go", "")
    process.communicate(timeout=180)
    until(lambda: is_dead(engine))

    assert ledger(cli) == []
    assert "flow" not in cli.run("runs").out
