"""`--log-file`: what is in it, and that no run is harmed by it."""

from __future__ import annotations

import json
import os
import stat

import pytest

HELLO = "steps:\n  a: {run: echo hello}\n"
TELLING = """
secrets: {TOKEN: {env: TOKEN}}
steps:
  a:
    env: {TOKEN: "${{ secrets.TOKEN }}"}
    run: echo "$TOKEN"; echo "$TOKEN=$TOKEN" >> "$ORCHESTRA_OUTPUT"
"""
RETRIED = """
name: nightly
steps:
  a: {run: '[ "$ORCHESTRA_ATTEMPT" = 2 ]', retry: {max: 1}}
  b: {needs: a, run: 'exit 3'}
"""


def read_lines(cli, name):
    return [json.loads(line) for line in cli.read(name).splitlines()]


def test_each_event_is_a_line_of_the_log(cli):
    cli.file("p.yaml", RETRIED)
    result = cli.run("run", "p.yaml", "--log-file", "r.log", "--output", "json")
    assert result.code == 1
    events = [json.loads(line) for line in result.out.splitlines()]
    log = read_lines(cli, "r.log")
    assert [line["event"] for line in log] == [event["event"] for event in events]
    assert {line["run"] for line in log} == {events[0]["run_id"]}
    assert {line["workflow"] for line in log} == {"nightly"}
    errors = [(line["step"], line["message"]) for line in log if line["level"] == "error"]
    assert errors[0] == ("b", "failed, exit code 3")
    assert [line["event"] for line in log if line["level"] == "error"] == [
        "StepEnded",
        "RunFinished",
    ]


def test_the_log_is_its_owners_alone_and_is_added_to(cli):
    os.umask(0o022)
    cli.file("p.yaml", RETRIED)
    cli.run("run", "p.yaml", "--log-file", "r.log")
    first = cli.read("r.log")
    assert stat.S_IMODE((cli.folder / "r.log").stat().st_mode) == 0o600
    assert cli.run("resume", "--log-file", "r.log").code == 1
    both = cli.read("r.log")
    assert both.startswith(first)
    resumed = json.loads(both[len(first) :].splitlines()[0])
    assert resumed["event"] == "RunResumed"
    assert resumed["run"] == json.loads(first.splitlines()[0])["run"]


def test_half_a_line_of_before_is_ended(cli):
    cli.file("p.yaml", HELLO).file("r.log", '{"half":')
    assert cli.run("run", "p.yaml", "--log-file", "r.log").code == 0
    half, *rest = cli.read("r.log").splitlines()
    assert half == '{"half":'
    assert json.loads(rest[0])["event"] == "RunStarted"


def test_a_full_disk_is_told_once_and_the_run_goes_well(cli):
    cli.file("p.yaml", RETRIED.replace("exit 3", "exit 0"))
    result = cli.run("run", "p.yaml", "--log-file", "/dev/full", "--output", "quiet")
    assert result.code == 0
    assert result.err.count("/dev/full") == 1
    assert "warning: the log /dev/full is not whole: No space left on device\n" in result.err


def test_a_pipe_that_nobody_empties_does_not_hold_up_the_run(cli):
    os.mkfifo(cli.folder / "pipe")
    steps = "".join("  s%d: {run: 'true'}\n" % number for number in range(150))
    reader = os.open(str(cli.folder / "pipe"), os.O_RDONLY | os.O_NONBLOCK)
    try:
        result = cli.file("p.yaml", "steps:\n" + steps).run("run", "p.yaml", "--log-file", "pipe")
    finally:
        os.close(reader)
    assert result.code == 0
    assert "warning: the log pipe is not whole: it took nothing for 2s\n" in result.err


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("no/where.log", "error: cannot write no/where.log: No such file or directory\n"),
        ("folder/", "error: cannot write folder/: it is a folder\n"),
        ("-", "error: --log-file - is no file\n"),
        ("", "error: --log-file has no path\n"),
        ("pipe", "error: cannot write pipe: No such device or address\n"),
    ],
)
def test_what_can_be_no_log_is_refused_before_the_start(cli, path, said):
    os.mkfifo(cli.folder / "pipe")
    result = cli.file("p.yaml", "steps:\n  a: {run: touch begun}\n").run(
        "run", "p.yaml", "--log-file", path
    )
    assert result.code == 2
    assert result.err.startswith(said)
    assert not (cli.folder / "begun").exists()


def test_secrets_are_masked_in_the_log(cli):
    cli.environ["TOKEN"] = "hunter2hunter2"
    cli.file("p.yaml", TELLING)
    assert cli.run("run", "p.yaml", "--log-file", "r.log").code == 1
    ends = {line["event"]: line["message"] for line in read_lines(cli, "r.log")}
    assert ends["StepEnded"] == "failed, the outputs hold a secret, none of them is kept"
    assert "hunter2" not in cli.read("r.log")
