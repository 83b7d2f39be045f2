"""Runs of one concurrency group: real ones, at the same time."""

from __future__ import annotations

import json
import re
import signal
import sys
import time

import pytest

from tests.cli.going import die

HOLD = """
version: 1
concurrency: {group: "${{ params.group }}", limit: %d, policy: %s}
params: {group: g, seconds: "0", until: .}
steps:
  a:
    run: |
      echo begin >> log
      sleep ${{ params.seconds }}
      until [ -e ${{ params.until }} ]; do sleep 0.02; done
      echo end >> log
  b: {needs: a}
"""
RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")


def until(is_so):
    """Wait, for a while, for what another process does."""
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def begun(cli, count=1):
    path = cli.folder / "log"
    return path.exists() and path.read_text().count("begin") >= count


def holding(cli, limit=1, policy="queue"):
    """A run that has begun its first step, and goes on once there is a file `go`."""
    cli.file("p.yaml", HOLD % (limit, policy))
    process = cli.start("run", "p.yaml", "-p", "until=go")
    until(lambda: begun(cli))
    return process


def waiting(cli, *arguments):
    """A run that has said that it waits, and what it said."""
    process = cli.start("run", "p.yaml", *arguments)
    return process, process.stderr.readline()


def end(process):
    process.terminate()
    process.communicate()


def states(cli):
    """The runs, oldest first."""
    rows = json.loads(cli.run("runs", "--format", "json").out)["runs"]
    return [(row["state"], row["exit_code"]) for row in reversed(rows)]


def most_at_once(text):
    running = most = 0
    for word in text.split():
        running += 1 if word == "begin" else -1
        most = max(most, running)
    return most


@pytest.mark.parametrize(("starters", "limit"), [(2, 1), (10, 1), (6, 2)])
def test_no_more_runs_than_the_limit_run_at_once(cli, starters, limit):
    cli.file("p.yaml", HOLD % (limit, "queue"))
    processes = [cli.start("run", "p.yaml", "-p", "seconds=0.1") for _ in range(starters)]
    codes = [(process.communicate(), process.returncode)[1] for process in processes]
    log = cli.read("log")
    assert (codes, len(log.split())) == ([0] * starters, 2 * starters)
    assert most_at_once(log) <= limit
    assert states(cli) == [("succeeded", 0)] * starters


def test_two_run_at_once_where_the_limit_is_two(cli):
    first = holding(cli, limit=2)
    second = cli.start("run", "p.yaml", "-p", "seconds=60")
    until(lambda: begun(cli, 2))
    end(first)
    end(second)


def test_a_queued_run_says_once_for_whom_it_waits(cli):
    first = holding(cli)
    second, said = waiting(cli)
    cli.file("go", "")
    _, rest = second.communicate(timeout=180)
    first.communicate(timeout=180)
    assert RUN_ID.sub("RUN", said + rest) == "waits for run RUN (group `g`)\n"
    assert (first.returncode, second.returncode) == (0, 0)


def test_the_next_goes_on_when_the_holder_is_killed(cli):
    first = holding(cli)
    second, said = waiting(cli)
    assert said.startswith("waits for run ")
    die(first)
    cli.file("go", "")  # nobody stops what a killed one leaves
    second.communicate(timeout=180)
    assert second.returncode == 0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_the_waiting_and_the_run_is_cancelled(cli, number, code):
    first = holding(cli)
    second, _ = waiting(cli, "--output", "quiet")
    second.send_signal(number)
    _, err = second.communicate(timeout=180)
    third, said = waiting(cli)
    end(first)
    third.communicate(timeout=180)
    assert second.returncode == code
    assert RUN_ID.sub("RUN", err).startswith(
        "p cancelled (stopped by %s while it waited for run RUN)" % number.name
    )
    assert said.count(",") == 0  # who gave up is not waited for
    assert states(cli)[1:] == [("cancelled", code), ("succeeded", 0)]


def test_a_run_may_be_skipped(cli):
    first = holding(cli)
    cli.file("s.yaml", HOLD % (1, "skip"))
    result = cli.run("run", "s.yaml", "--report", "json=r.json")
    end(first)
    report = json.loads(cli.read("r.json"))
    assert (result.code, report["state"], report["exit_code"]) == (0, "skipped", 0)
    reasons = {RUN_ID.sub("RUN", step["reason"]) for step in report["steps"]}
    assert {step["state"] for step in report["steps"]} == {"skipped"}
    assert reasons == {"its group `g` is held by run RUN"}
    assert states(cli)[-1] == ("skipped", 0)
    assert cli.read("log") == "begin\n"


def test_a_run_that_was_skipped_is_skipped_again_while_its_group_is_full(cli):
    first = holding(cli)
    cli.file("s.yaml", HOLD % (1, "skip")).run("run", "s.yaml")
    result = cli.run("resume", "s.yaml", "--report", "json=r.json")
    end(first)
    said = "the run does not go on: its group `g` is held by run RUN\n"
    assert (result.code, RUN_ID.sub("RUN", result.err)) == (0, said)
    assert json.loads(cli.read("r.json"))["state"] == "skipped"
    assert cli.read("log") == "begin\n"


def test_a_run_may_fail_and_leaves_no_record(cli):
    first = holding(cli)
    cli.file("f.yaml", HOLD % (1, "fail"))
    result = cli.run("run", "f.yaml")
    end(first)
    (folder,) = (cli.folder / ".orchestra/runs").iterdir()
    assert (result.code, result.out, result.err) == (
        4,
        "",
        "error: not started: its group `g` is held by run %s\n"
        "  help: wait for its end, or write `policy: queue` to have it waited for\n" % folder.name,
    )


def test_a_run_may_stop_those_in_its_way_in_order(cli):
    trap = 'trap "echo end >> log; exit" TERM; '
    cli.file("p.yaml", HOLD.replace("echo begin", trap + "echo begin") % (1, "cancel_running"))
    first = cli.start("run", "p.yaml", "-p", "seconds=60")
    until(lambda: begun(cli))
    result = cli.run("run", "p.yaml")
    first.communicate()
    assert (first.returncode, result.code) == (143, 0)
    assert cli.read("log").split() == ["begin", "end"] * 2
    assert RUN_ID.sub("RUN", result.err) == "stops run RUN and waits for its end (group `g`)\n"
    assert states(cli) == [("cancelled", 143), ("succeeded", 0)]


def test_the_latest_wins_where_many_stop_each_other(cli):
    first = holding(cli, policy="cancel_running")
    others = [cli.start("run", "p.yaml") for _ in range(4)]
    codes = [(process.communicate(), process.returncode)[1] for process in (first, *others)]
    assert codes[0] == 143
    assert set(codes) <= {0, 143}
    assert states(cli)[-1] in [("succeeded", 0), ("cancelled", 143)]
    assert ("succeeded", 0) in states(cli)


def test_runs_of_other_groups_are_not_waited_for(cli):
    first = holding(cli)
    result = cli.run("run", "p.yaml", "-p", "group=other")
    end(first)
    assert (result.code, result.err) == (0, "")


def test_without_a_name_the_group_is_the_file(cli):
    text = "version: 1\nconcurrency: {policy: %s}\nsteps:\n  a: {run: 'echo begin >> log; %s'}\n"
    cli.file("p.yaml", text % ("fail", "sleep 60")).file("q.yaml", text % ("fail", "true"))
    first = cli.start("run", "p.yaml")
    until(lambda: begun(cli))
    codes = [cli.run("run", name).code for name in ("p.yaml", "q.yaml")]
    end(first)
    assert codes == [4, 0]


def test_a_run_inside_a_step_never_waits_for_the_one_around_it(cli):
    again = "version: 1\nconcurrency: {group: g}\nsteps:\n  a: {command: [%s]}\n"
    words = ", ".join((sys.executable, "-m", "orchestra", "run", "p.yaml"))
    cli.file("p.yaml", HOLD % (1, "queue")).file("outer.yaml", again % words)
    result = cli.run("run", "outer.yaml")
    assert result.code == 1
    assert "which holds its group `g` and would wait for it" in result.out


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ("limit: 0", "`limit` must be a whole number from 1 up, not `0`"),
        ("policy: wait", "`policy` must be `queue`, `cancel_running`, `skip` or `fail`, not"),
        ("cancel-in-progress: true", "unknown key `cancel-in-progress` in `concurrency`"),
        ('group: "${{ steps.a.state }}"', "`steps` cannot be used in the name of a group"),
        ('group: "${{ params.x }}"', "`x` is no parameter"),
    ],
)
def test_faults_are_told_at_their_place(cli, keys, fault):
    cli.file("p.yaml", "version: 1\nconcurrency: {%s}\nsteps:\n  a: {}\n" % keys)
    result = cli.run("validate", "p.yaml")
    assert result.code == 2
    assert result.err.startswith("p.yaml:2:")
    assert "error: " + fault in result.err


def test_a_group_that_cannot_be_named_starts_nothing(cli):
    cli.file(
        "p.yaml",
        "version: 1\nparams: {x: {type: json}}\n"
        'concurrency: {group: "g-${{ params.x }}"}\nsteps:\n  a: {run: touch ran}\n',
    )
    result = cli.run("run", "p.yaml")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: concurrency.group: ")
    assert list((cli.folder / ".orchestra/runs").iterdir()) == []
    assert not (cli.folder / "ran").exists()
