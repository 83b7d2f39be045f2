"""`replay` and `show --follow`: a recorded run, shown as it was shown while it ran."""

from __future__ import annotations

import json
import os
from typing import List

import pytest

from tests.cli.commandline import CommandLine
from tests.cli.going import die, ledger, running, until

FLOW = """
version: 1
steps:
  a: {run: 'echo one; echo two'}
  b: {needs: a, run: 'exit 3', retry: {max: 1, delay: 10ms}, on_failure: {run: 'echo sorry'}}
  c: {needs: b, foreach: [1, 2], run: 'true'}
finally: {run: 'echo bye'}
"""


def body(text: str) -> str:
    """What is shown, but for the first line of a view that has the run's id."""
    return text.partition("\n")[2]


@pytest.mark.parametrize("mode", ["plain", "stream", "json"])
def test_a_replay_shows_what_the_run_has_shown(cli: CommandLine, mode: str) -> None:
    ran = cli.file("flow.yaml", FLOW).run("run", "flow.yaml", "--output", mode, "-j1")
    again = cli.run("replay", "--speed", "1000", "--output", mode)
    assert (ran.code, again.code) == (1, 0)
    assert again.out == ran.out


def test_a_replay_of_a_run_that_went_on_has_its_second_part_too(cli: CommandLine) -> None:
    cli.file("flow.yaml", FLOW).run("run", "flow.yaml")
    cli.file("flow.yaml", FLOW.replace("exit 3", "echo mended")).run("resume")
    again = cli.run("replay", "--speed", "1000", "--output", "json")
    events = [json.loads(line) for line in again.out.splitlines()]
    kinds = [event["event"] for event in events if event["event"].startswith("Run")]
    assert kinds == ["RunStarted", "RunFinished", "RunResumed", "RunFinished"]


@pytest.mark.parametrize("speed", ["0", "-1", "nan", "inf"])
def test_what_is_no_speed_is_refused(cli: CommandLine, speed: str) -> None:
    result = cli.run("replay", "--speed=" + speed)
    assert (result.code, result.out) == (2, "")
    assert result.err.endswith("no speed\n  help: write a number above 0, such as 10\n")


WAITS = """
version: 1
steps:
  a: {run: 'echo begun >> ledger; while [ ! -e go ]; do sleep 0.02; done; echo done'}
  b: {needs: a, run: 'exit 3'}
"""


def test_who_follows_sees_what_is_seen_where_it_runs(cli: CommandLine) -> None:
    process = running(cli, WAITS)
    follower = cli.start("show", "--follow")
    cli.file("go", "")
    shown, _ = process.communicate(timeout=180)
    followed, _ = follower.communicate(timeout=180)
    assert (process.returncode, follower.returncode) == (1, 0)
    assert body(followed) == body(shown)


def test_who_follows_a_run_that_went_on_sees_steps_that_are_there_no_more(
    cli: CommandLine,
) -> None:
    gone = WAITS.replace("b: {needs: a,", "gone: {")
    cli.file("go", "").file("flow.yaml", gone).run("run", "flow.yaml")
    os.unlink(cli.folder / "go")
    cli.file("flow.yaml", WAITS.replace("echo begun", "echo again"))
    process = cli.start("resume")
    until(lambda: "again" in ledger(cli))
    follower = cli.start("show", "--follow")
    cli.file("go", "")
    process.communicate(timeout=180)
    followed, told = follower.communicate(timeout=180)
    assert (follower.returncode, told) == (0, "")
    assert ("gone failed" in followed, "b failed" in followed) == (True, True)


def test_who_follows_is_told_when_nobody_drives_the_run(cli: CommandLine) -> None:
    die(running(cli, WAITS))
    result = cli.run("show", "--follow")
    cli.file("go", "")
    cli.run("resume", "--output", "quiet")
    assert result.code == 0
    assert "nobody drives this run any more; go on with it: orchestra resume " in result.err


def test_a_replay_of_a_run_that_was_cut_off_says_so(cli: CommandLine) -> None:
    die(running(cli, WAITS))
    cli.file("go", "")
    result = cli.run("replay", "--speed", "1000")
    cli.run("resume", "--output", "quiet")
    assert result.code == 0
    assert "nobody drives this run any more; go on with it: orchestra resume " in result.err


@pytest.mark.parametrize("command", [["replay", "--speed", "1000"], ["show", "--follow"]])
def test_a_view_that_cannot_be_shown_ends_with_the_reason(
    cli: CommandLine, command: List[str]
) -> None:
    cli.file("flow.yaml", FLOW).run("run", "flow.yaml")
    with open("/dev/full", "w") as full:
        result = cli.run(*command, stdout=full)
    assert (result.code, result.err) == (3, "error: No space left on device\n")


def test_who_follows_and_reads_no_more_is_let_go_while_the_run_goes_on(cli: CommandLine) -> None:
    process = running(cli, WAITS)
    reading, writing = os.pipe()
    os.close(reading)
    result = cli.run("show", "--follow", stdout=writing)
    os.close(writing)
    assert process.poll() is None
    cli.file("go", "")
    process.communicate(timeout=180)
    assert (result.code, result.err) == (0, "")


def test_a_view_that_is_followed_is_no_json(cli: CommandLine) -> None:
    cli.file("flow.yaml", FLOW).run("run", "flow.yaml")
    result = cli.run("show", "--follow", "--format", "json")
    assert (result.code, result.err) == (
        2,
        "error: --follow shows no JSON\n  help: leave out --format\n",
    )
