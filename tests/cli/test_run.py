"""`orchestra run`, from the file to the exit code."""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.cli.going import until

HELLO = """
version: 1
name: hello
params: {who: world}
steps:
  greet: {run: 'echo "hello ${{ params.who }}"'}
  done: {needs: greet, run: 'true'}
"""

FAILING = """
version: 1
name: nightly
steps:
  build: {run: 'echo building; echo "no such header" >&2; exit 2'}
  test: {needs: build, run: echo never}
  lint: {run: echo fine}
"""


def test_a_run_is_told_in_plain_lines(cli):
    result = cli.file("p.yaml", HELLO).run("run", "p.yaml")
    assert result.lines == [
        "hello: 2 steps, BUDGET (run RUN)",
        "[1/2] greet succeeded after TIME",
        "  hello world",
        "[2/2] done succeeded after TIME",
        "",
        "  step   state       time  attempts  why",
        "✓ greet  succeeded  TIME         1  it needs nothing",
        "✓ done   succeeded  TIME         1  its needs were met",
        "",
        "hello succeeded: 2 succeeded in TIME",
    ]
    assert (result.code, result.err) == (0, "")


def test_a_failure_is_shown_with_its_log_and_ends_with_1(cli):
    result = cli.file("p.yaml", FAILING).run("run", "p.yaml", "-j1")
    assert result.code == 1
    assert "  no such header" in result.lines
    assert "⊘ test   blocked                     `build` failed" in result.lines
    assert result.lines[-1] == "nightly failed: 1 succeeded, 1 failed, 1 blocked in TIME"


def test_a_program_that_is_missing_fails_the_last_step_too(cli):
    cli.file("p.yaml", "steps: {a: {run: 'true'}, b: {needs: a, command: [./missing]}}\n")
    result = cli.run("run", "p.yaml", "--output", "quiet")
    assert result.code == 1
    assert "b failed after" in result.err


def test_parameters_reach_the_steps(cli):
    result = cli.file("p.yaml", HELLO).run("run", "p.yaml", "-p", "who=it's $(touch PWNED)")
    assert "  hello it's $(touch PWNED)" in result.lines
    assert not (cli.folder / "PWNED").exists()


def test_a_params_file_loses_against_the_command_line(cli):
    cli.file("p.yaml", HELLO).file("params.yaml", "who: file\n")
    assert "  hello file" in cli.run("run", "p.yaml", "--params-file", "params.yaml").lines
    both = cli.run("run", "p.yaml", "--params-file", "params.yaml", "-p", "who=me")
    assert "  hello me" in both.lines


def test_a_dry_run_runs_nothing_and_leaves_nothing(cli):
    result = cli.file("p.yaml", "version: 1\nsteps:\n  a: {run: touch ran}\n").run(
        "run", "p.yaml", "--dry-run"
    )
    assert result.code == 0
    assert "   1  a     run   no needs  cpu 1" in result.lines
    assert sorted(os.listdir(cli.folder)) == ["p.yaml"]


@pytest.mark.parametrize("format", ["table", "json", "mermaid", "dot"])
def test_a_dry_run_shows_what_plan_shows(cli, format):
    cli.file("p.yaml", HELLO)
    assert cli.run("run", "p.yaml", "--dry-run", "--format", format) == cli.run(
        "plan", "p.yaml", "--format", format
    )


def test_a_format_is_for_dry_runs(cli):
    result = cli.file("p.yaml", HELLO).run("run", "p.yaml", "--format", "json")
    assert (result.code, result.err) == (
        2,
        "error: --format is for the plan that --dry-run shows\n  help: add --dry-run\n",
    )


def test_quiet_says_only_how_it_ended(cli):
    result = cli.file("p.yaml", HELLO).run("run", "p.yaml", "--output", "quiet")
    assert (result.code, result.out) == (0, "")
    assert result.err.startswith("hello succeeded: 2 succeeded in ")


def test_json_gives_one_event_a_line(cli):
    result = cli.file("p.yaml", HELLO).run("run", "p.yaml", "--output", "json")
    events = [json.loads(line) for line in result.out.splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert [e["event"] for e in events if e["event"].startswith("Run")] == [
        "RunStarted",
        "RunFinished",
    ]


def test_stream_puts_the_steps_name_before_each_line(cli):
    result = cli.file("p.yaml", HELLO).run("run", "p.yaml", "--output", "stream")
    assert "greet | hello world" in result.lines


def test_the_report_tells_what_the_summary_tells(cli):
    cli.file("p.yaml", FAILING).run("run", "p.yaml", "--report", "json=out/r.json")
    cli.run("run", "p.yaml", "--report", "json=r.json")
    report = json.loads(cli.read("r.json"))
    assert (report["format"], report["state"], report["exit_code"]) == (1, "failed", 1)
    states = {step["id"]: step["state"] for step in report["steps"]}
    assert states == {"build": "failed", "test": "blocked", "lint": "succeeded"}
    (attempt,) = report["steps"][0]["attempts"]
    assert (attempt["outcome"], attempt["exit_code"], attempt["signal"]) == ("failed", 2, None)
    assert json.loads(cli.run("show", "--format", "json").out) == report


def test_a_report_that_cannot_be_written_ends_a_good_run_with_3(cli):
    result = cli.file("p.yaml", HELLO).run("run", "p.yaml", "--report", "json=no/where/r.json")
    assert result.code == 3
    assert result.err == (
        "error: the report no/where/r.json could not be written: its folder is not there\n"
    )


def test_a_report_goes_to_standard_output_below_what_is_shown(cli):
    result = cli.file("p.yaml", HELLO).run("run", "p.yaml", "--report", "json=-")
    shown, brace, report = result.out.partition("\n{\n")
    assert (result.code, result.err) == (0, "")
    assert "succeeded" in shown
    assert json.loads(brace + report) == json.loads(cli.run("show", "--format", "json").out)


def test_a_report_that_would_be_a_folder_is_refused_before_the_start(cli):
    result = cli.file("p.yaml", HELLO).run("run", "p.yaml", "--report", "json=out/")
    assert result == (
        2,
        "",
        "error: cannot write out/: it is a folder\n  help: name a file in it\n",
    )
    assert not (cli.folder / ".orchestra").exists()


def test_a_report_that_cannot_be_written_leaves_a_failed_run_failed(cli):
    result = cli.file("p.yaml", FAILING).run("run", "p.yaml", "--report", "json=no/where/r.json")
    assert result.code == 1
    assert "could not be written" in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope.yaml"], "error: cannot read nope.yaml: No such file or directory\n"),
        (["p.yaml", "-p", "who"], "error: -p who has no value\n  help: write -p NAME=VALUE\n"),
        (
            ["p.yaml", "-p", "whom=x"],
            "error: -p whom: the workflow has no parameter `whom`; did you mean `who`?\n",
        ),
        (
            ["p.yaml", "--budget", "memory=4"],
            "error: --budget memory=4 is no amount of a resource\n"
            "  help: write amounts as in cpu=4,memory=8GiB,gpu=1,licences=2\n",
        ),
        (
            ["p.yaml", "--output", "loud"],
            "error: --output loud is not known\n  help: one of live, plain, stream, quiet, json\n",
        ),
        (
            ["p.yaml", "--report", "xml=x"],
            "error: --report xml is not known\n"
            "  help: one of json, html, svg, junit, markdown, trace, mermaid, dot, wfformat,"
            " prometheus\n",
        ),
        (
            ["p.yaml", "--state-dir", "p.yaml"],
            None,
        ),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_started(cli, arguments, message):
    result = cli.file("p.yaml", HELLO).run("run", *arguments)
    assert result.code == (3 if message is None else 2)
    assert message is None or result.err == message
    assert "Traceback" not in result.err
    assert sorted(os.listdir(cli.folder)) == ["p.yaml"]


def test_a_demand_no_budget_can_hold_is_refused_with_its_place(cli):
    cli.file("p.yaml", "version: 1\nsteps:\n  a:\n    run: x\n    resources: {memory: 4GiB}\n")
    result = cli.run("run", "p.yaml", "--budget", "memory=1GiB")
    assert result.code == 2
    assert result.err == (
        "p.yaml:5:25: error: `a` asks for 4 GiB of memory, this run has 1 GiB\n"
        "  5 |     resources: {memory: 4GiB}\n"
        "    |                         ^\n"
        "  help: ask for less, or give more: --budget memory=…\n"
    )


def test_the_budget_bounds_what_runs_at_once(cli):
    steps = "".join(
        "  s%d: {run: 'echo begin >> log; sleep 0.2; echo end >> log'}\n" % n for n in range(4)
    )
    cli.file("p.yaml", "version: 1\nsteps:\n" + steps).run("run", "p.yaml", "-j1")
    assert cli.read("log").split() == ["begin", "end"] * 4


def test_gpus_outside_the_mask_are_never_made_up(cli):
    cli.environ["CUDA_VISIBLE_DEVICES"] = "5,7"
    cli.file("p.yaml", HELLO)
    result = cli.run("run", "p.yaml", "--budget", "gpu=3")
    assert (result.code, result.err) == (
        2,
        "error: the budget has 3 gpu, CUDA_VISIBLE_DEVICES leaves 2 to use\n"
        "  help: --budget gpu=2\n",
    )
    assert cli.run("run", "p.yaml", "--budget", "gpu=2").code == 0


def test_gpus_of_a_budget_are_never_shared(cli):
    steps = "".join(
        "  s%d: {run: 'echo +$CUDA_VISIBLE_DEVICES >> log; sleep 0.2;"
        " echo -$CUDA_VISIBLE_DEVICES >> log', resources: {gpu: 1, cpu: 0}}\n" % n
        for n in range(4)
    )
    cli.file("p.yaml", "version: 1\nbudget: {gpu: 2}\nsteps:\n" + steps).run("run", "p.yaml")
    held = set()
    for line in cli.read("log").split():
        sign, device = line[0], line[1:]
        assert (device in held) is (sign == "-")
        (held.remove if sign == "-" else held.add)(device)
    assert held == set()


STUBBORN = """
version: 1
steps:
  stubborn:
    run: |
      trap '' TERM INT
      echo $$ > pid
      while :; do sleep 0.1; done
    stop: {grace: 300ms}
  below: {needs: stubborn, run: 'true'}
  clean: {needs: below, if: always(), run: echo cleaned > cleaned}
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_the_run_in_order_and_leaves_nothing_alive(cli, number, code):
    cli.file("p.yaml", STUBBORN)
    process = cli.start("run", "p.yaml")
    pid = wait_for_pid(cli.folder / "pid")
    process.send_signal(number)
    out, err = process.communicate(timeout=180)
    assert process.returncode == code
    assert "Traceback" not in err
    assert "clean" in out
    assert cli.read("cleaned") == "cleaned\n"
    assert not os.path.exists("/proc/%d" % pid)


def test_a_second_signal_ends_it_at_once(cli):
    cli.file("p.yaml", STUBBORN.replace("300ms", "1h"))
    process = cli.start("run", "p.yaml")
    pid = wait_for_pid(cli.folder / "pid")
    process.send_signal(signal.SIGINT)
    assert "stopping: SIGINT\n" in process.stdout  # of two at once the later may be seen first
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=180)
    assert process.returncode == 130
    assert not (cli.folder / "cleaned").exists()
    assert not os.path.exists("/proc/%d" % pid)


def wait_for_pid(path):
    until(lambda: path.exists() and bool(path.read_text()))
    return int(path.read_text())


@pytest.mark.parametrize("stdout", ["closed", "full", "gone"])
def test_a_bad_standard_output_never_harms_a_run(cli, stdout):
    cli.file("p.yaml", "version: 1\nsteps:\n  a: {run: 'echo x; touch ran'}\n")
    if stdout == "closed":
        result = cli.run("run", "p.yaml", preexec_fn=lambda: os.close(1))
    elif stdout == "full":
        with open("/dev/full", "w") as full:
            result = cli.run("run", "p.yaml", stdout=full)
    else:
        read, write = os.pipe()
        os.close(read)
        result = cli.run("run", "p.yaml", stdout=write)
        os.close(write)
    assert result.code == (3 if stdout == "full" else 0)
    assert "Traceback" not in result.err
    assert (cli.folder / "ran").exists()


def test_colours_and_escapes_of_steps_never_reach_a_pipe(cli):
    cli.file(
        "p.yaml", "version: 1\nsteps:\n  a: {run: \"printf '\\\\033]0;x\\\\007\\\\033[2J'\"}\n"
    )
    result = cli.run("run", "p.yaml")
    assert "\x1b" not in result.out + result.err
    assert "\x07" not in result.out + result.err


def test_github_gets_groups_annotations_and_a_summary(cli):
    cli.environ.update(GITHUB_ACTIONS="true", CI="true", GITHUB_STEP_SUMMARY="summary.md")
    result = cli.file("p.yaml", FAILING).run("run", "p.yaml")
    assert any(line.startswith("::group::") for line in result.lines)
    assert any(line.startswith("::error") for line in result.lines)
    assert "| build |" in cli.read("summary.md").replace("`", "")


def test_planted_modules_in_the_working_directory_are_not_imported(cli):
    bad = "open('PWNED', 'w').close()\n"
    cli.file("p.yaml", HELLO).file("yaml.py", bad).file("json.py", bad).file("rich.py", bad)
    cli.file("orchestra/__init__.py", bad)
    import subprocess
    import sys

    script = "import sys; sys.path.pop(0); from orchestra.cli.app import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", script, "run", "p.yaml"],
        cwd=cli.folder,
        env={**cli.environ, "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0
    assert not (cli.folder / "PWNED").exists()
