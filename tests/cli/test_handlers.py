"""Fallbacks and handlers, from the file to what a person sees."""

from __future__ import annotations

import json
import signal
import time

import pytest

from orchestra.engine.signals import ONE_S

ENDS = """
version: 1
name: ends
params: {who: eve}
steps:
  publish:
    run: 'echo trying; exit 3'
    outputs: {url: string}
    env: {FROM: step, KEPT: step}
    fallback:
      env: {FROM: fallback}
      run: |
        echo "url=mirror" >> "$ORCHESTRA_OUTPUT"
        echo "$FROM $KEPT $ORCHESTRA_STEP ${{ params.who }} ${{ failure.exit_code }}"
        cat ${{ failure.log }}
    on_success: {run: 'echo "${{ steps.publish.state }} ${{ steps.publish.outputs.url }}"'}
  bad:
    needs: publish
    run: exit 4
    on_failure:
      python: |
        print(failure["step"], failure["reason"], steps["publish"]["outputs"]["url"])
        raise SystemExit(5)
on_failure: {command: [echo, "${{ run.state }}", "${{ failure.steps }}"]}
finally: {run: 'test -z "$ORCHESTRA_RUN_ID"'}
"""


def test_fallbacks_and_handlers_are_told_in_their_order(cli):
    result = cli.file("p.yaml", ENDS).run("run", "p.yaml")
    assert result.code == 1
    assert result.lines[: result.lines.index("") + 12] == [
        "ends: 2 steps, BUDGET (run RUN)",
        "[-/2] publish attempt 1: exit code 3, now its fallback",
        "  trying",
        "[-/2] publish:fallback succeeded after TIME",
        "  fallback step publish:fallback eve 3",
        "  trying",
        "[-/2] publish:on_success succeeded after TIME",
        "  recovered mirror",
        "[1/2] publish recovered after TIME: by its fallback, after: exit code 3",
        "[-/2] bad:on_failure failed after TIME: exit code 5",
        "  bad exit code 4 mirror",
        "note: bad: its on_failure failed: exit code 5",
        "[2/2] bad failed after TIME: exit code 4",
        "[-/2] :on_failure succeeded after TIME",
        "  failed bad",
        "[-/2] :finally failed after TIME: exit code 1",
        "note: the run's finally failed: exit code 1",
        "",
        "  step                  state       time  attempts  why",
        "↺ publish               recovered  TIME         1  by its fallback, after: exit code 3",
        "✓   publish:fallback    succeeded  TIME         1  exit code 0",
        "✓   publish:on_success  succeeded  TIME         1  exit code 0",
        "✗ bad                   failed     TIME         1  exit code 4",
        "✗   bad:on_failure      failed     TIME         1  exit code 5",
        "✓ :on_failure           succeeded  TIME         1  exit code 0",
        "✗ :finally              failed     TIME         1  exit code 1",
        "",
        "✗ bad failed after TIME: exit code 4",
        "",
    ]
    assert result.lines[-1] == "ends failed: 1 recovered, 1 failed in TIME"


def test_totals_speak_of_steps(cli):
    cli.file("p.yaml", ENDS).run("run", "p.yaml")
    assert cli.run("runs").out.split("\n")[1].split()[3:6] == ["2,", "1", "failed"]
    assert cli.run("show").lines[-1] == "ends failed: 1 recovered, 1 failed in TIME"


def test_their_logs_are_read_by_their_ids(cli):
    cli.file("p.yaml", ENDS).run("run", "p.yaml")
    assert cli.run("logs", "publish:on_success").out == "recovered mirror\n"
    assert cli.run("logs", ":on_failure").out == "failed bad\n"
    assert "==> publish:fallback (attempt 1) <==\n" in cli.run("logs").out


def test_the_report_has_them_behind_their_steps(cli):
    cli.file("p.yaml", ENDS).run("run", "p.yaml", "--report", "json=r.json")
    steps = json.loads(cli.read("r.json"))["steps"]
    assert [(step["id"], step["owner"], step["role"], step["state"]) for step in steps] == [
        ("publish", "", "step", "recovered"),
        ("publish:fallback", "publish", "fallback", "succeeded"),
        ("publish:on_success", "publish", "on_success", "succeeded"),
        ("bad", "", "step", "failed"),
        ("bad:on_failure", "bad", "on_failure", "failed"),
        (":on_failure", "", "on_failure", "succeeded"),
        (":finally", "", "finally", "failed"),
    ]
    assert [step["outputs"] for step in steps[:3]] == [{"url": "mirror"}, {"url": "mirror"}, {}]


def test_stream_widens_its_names_for_them(cli):
    lines = cli.file("p.yaml", ENDS).run("run", "p.yaml", "--output", "stream").lines
    assert "publish | trying" in lines
    assert "publish:on_success | recovered mirror" in lines


def test_a_failing_handler_is_no_error_for_github(cli):
    cli.environ["GITHUB_ACTIONS"] = "true"
    out = cli.file("p.yaml", ENDS).run("run", "p.yaml").out
    assert out.count("::error") == 1


def test_the_plan_speaks_of_steps_alone(cli):
    cli.file("p.yaml", ENDS)
    steps = json.loads(cli.run("plan", "p.yaml", "--format", "json").out)["steps"]
    assert [step["id"] for step in steps] == ["publish", "bad"]


def test_a_missing_output_fails_the_fallback(cli):
    text = "steps:\n  a: {run: exit 1, outputs: {x: int}, fallback: {run: echo}}\n"
    result = cli.file("p.yaml", text).run("run", "p.yaml", "--output", "quiet")
    assert "its fallback failed: output `x` was declared and not written" in result.err


STOPPED = """
steps:
  slow:
    run: touch ready; sleep 60
    on_failure: {run: touch wrong}
    on_cancel: {run: 'echo "${{ steps.slow.state }}" > cancelled; sleep ${{ params.clean_up }}'}
    finally: {run: touch tidy}
params: {clean_up: 0}
on_success: {run: touch wrong}
on_cancel: {run: 'echo "${{ run.state }}" > run-cancelled'}
"""


def stopped(cli, *options):
    cli.file("p.yaml", STOPPED)
    process = cli.start("run", "p.yaml", *options)
    wait_for(cli.folder / "ready")
    process.send_signal(signal.SIGINT)
    return process


def wait_for(path):
    end = time.monotonic() + 60
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.02)
    assert path.exists()


def files(cli):
    names = ("wrong", "cancelled", "tidy", "run-cancelled")
    return [name for name in names if (cli.folder / name).exists()]


def test_a_stopped_run_cleans_up(cli):
    process = stopped(cli)
    process.communicate(timeout=180)
    assert process.returncode == 130
    assert files(cli) == ["cancelled", "tidy", "run-cancelled"]
    assert (cli.read("cancelled"), cli.read("run-cancelled")) == ("cancelled\n", "cancelled\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_the_clean_up(cli, number):
    process = stopped(cli, "-p", "clean_up=60")
    wait_for(cli.folder / "cancelled")
    time.sleep(ONE_S)  # the first was heard before this began: none that comes now is its copy
    process.send_signal(number)
    process.communicate(timeout=180)
    assert (process.returncode, files(cli)) == (130, ["cancelled"])


def test_handlers_may_use_workflows(cli):
    cli.file(
        "w.yaml",
        "budget: {cpu: 1, db: 1}\n"
        "steps:\n"
        "  publish:\n"
        "    run: exit 3\n"
        "    resources: {db: 1}\n"
        "    outputs: {url: string}\n"
        "    fallback: {uses: ends/mirror.yaml, with: {why: '${{ failure.reason }}'}}\n"
        "  after: {needs: publish, run: 'echo ${{ steps.publish.outputs.url }}'}\n"
        "finally: {uses: ends/mirror.yaml, with: {why: '${{ run.state }}'}}\n",
    )
    cli.file(
        "ends/mirror.yaml",
        "params: {why: {type: string}}\n"
        "steps:\n"
        "  log: {run: 'echo ${{ params.why }} >> log', resources: {db: 1}}\n"
        "  copy:\n"
        "    {needs: log, run: 'echo url=mirror >> $ORCHESTRA_OUTPUT', outputs: {url: string}}\n"
        "outputs: {url: '${{ steps.copy.outputs.url }}'}\n",
    )
    assert cli.run("validate", "w.yaml").code == 0
    ran = cli.run("run", "w.yaml", "--report", "json=r.json")
    assert (ran.code, ran.err) == (0, "")
    found = {
        s["id"]: (s["state"], s["owner"], s["role"])
        for s in json.loads(cli.read("r.json"))["steps"]
    }
    assert found == {
        "publish": ("recovered", "", "step"),
        "publish:fallback": ("succeeded", "publish", "fallback"),
        "publish:fallback/log": ("succeeded", "publish:fallback", "inner"),
        "publish:fallback/copy": ("succeeded", "publish:fallback", "inner"),
        "after": ("succeeded", "", "step"),
        ":finally": ("succeeded", "", "finally"),
        ":finally/log": ("succeeded", ":finally", "inner"),
        ":finally/copy": ("succeeded", ":finally", "inner"),
    }
    assert cli.read("ends/log") == "exit code 3\nsucceeded\n"
    assert cli.run("logs", "after").out == "mirror\n"
    assert "w succeeded: 1 succeeded, 1 recovered" in ran.out


@pytest.mark.parametrize(
    ("handler", "told"),
    [
        ("fallback: {uses: u.yaml}", "u.yaml has no output `n`, which the step has"),
        ("finally: {uses: none.yaml}", "cannot read"),
        ("finally: {uses: u.yaml, env: {A: b}}", "`env` cannot stand beside `uses`"),
        ("finally: {uses: u.yaml, run: x}", "a step has one body, and `finally` already has `run`"),
        ("finally: {uses: u.yaml, with: {p: 1}}", "`p` is no parameter of u.yaml"),
        ("finally: {uses: w.yaml}", "files use each other in a circle: w.yaml uses w.yaml"),
        ("finally: {uses: u.yaml, with: {p: '${{ falure.step }}'}}", "`falure` is no name"),
    ],
)
def test_what_is_wrong_with_a_used_workflow_is_told_at_the_handler(cli, handler, told):
    cli.file("u.yaml", "steps: {x: {run: x}}")
    cli.file("w.yaml", "steps: {a: {run: x, outputs: {n: int}, %s}}" % handler)
    result = cli.run("validate", "w.yaml")
    assert result.code == 2
    assert told in result.err
    assert result.err.startswith("w.yaml:1:")
