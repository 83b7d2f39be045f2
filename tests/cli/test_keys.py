"""What each key of a workflow file does in a run, from the file to the report."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from signal import SIGTERM

import pytest

from tests.cli.going import running

DATE = "must be a date as 2026-01-31, `today` or `yesterday`"
NEEDS_NOTHING = "it needs nothing"


def run(cli, text, *options):
    """The workflow `version: 1` and this text; every step's state, reason, attempts, output."""
    cli.file("p.yaml", "version: 1\n" + text)
    result = cli.run("run", "p.yaml", "--report", "json=r.json", "--output", "json", *options)
    assert result.err == ""
    steps = json.loads(cli.read("r.json"))["steps"]
    (folder,) = (cli.folder / ".orchestra/runs").iterdir()
    return {
        step["id"]: (
            step["state"],
            step["reason"],
            len(step["attempts"]),
            "".join((folder / a["log"]).read_text() for a in step["attempts"] if a["log"]),
        )
        for step in steps
    }


def test_labels_and_names_are_recorded(cli):
    cli.file("p.yaml", "version: 1\nlabels: {team: data}\nsteps:\n  a: {name: An A, run: echo}\n")
    first = json.loads(cli.run("run", "p.yaml", "--output", "json").out.splitlines()[0])
    assert (first["labels"], first["steps"][0]["name"]) == ({"team": "data"}, "An A")


def test_layers_of_env_and_what_is_inherited(cli):
    cli.environ.update(OUTER="outer", OTHER="other")
    cli.file("base.env", "A=file\nB=file\nC=file\nD=file\n")
    found = run(
        cli,
        "env_file: base.env\n"
        "env: {B: root, C: root, D: root}\n"
        "inherit_env: [PATH, OUTER]\n"
        "defaults: {env: {C: defaults, D: defaults}}\n"
        "steps:\n"
        "  a: {run: echo $A $B $C $D $OUTER $OTHER, env: {D: step}}\n"
        "  b: {run: echo $A $OUTER $OTHER, inherit_env: true}\n"
        "  c: {run: echo $A $OUTER $OTHER, inherit_env: false}\n",
    )
    assert {id: output for id, (_, _, _, output) in found.items()} == {
        "a": "file root defaults step outer\n",
        "b": "file outer other\n",
        "c": "file\n",
    }


def test_exit_codes_mean_what_the_step_says(cli):
    assert run(
        cli,
        "steps:\n"
        "  good: {run: exit 3, success_codes: [0, 3]}\n"
        "  bad: {run: exit 0, success_codes: [3]}\n"
        "  skips: {run: exit 100, skip_codes: [100]}\n"
        "  below: {needs: skips, run: echo}\n"
        "  soft: {run: exit 9, allow_failure: true}\n"
        "  softer: {run: exit 9, allow_failure: {exit_codes: [9]}}\n"
        "  after: {needs: [soft, softer], command: [echo, after]}\n",
    ) == {
        "good": ("succeeded", NEEDS_NOTHING, 1, ""),
        "bad": ("failed", "exit code 0", 1, ""),
        "skips": ("skipped", "exit code 100", 1, ""),
        "below": ("skipped", "`skips` skipped", 0, ""),
        "soft": ("allowed_failure", "allowed: exit code 9", 1, ""),
        "softer": ("allowed_failure", "allowed: exit code 9", 1, ""),
        "after": ("succeeded", "its needs were met", 1, "after\n"),
    }


@pytest.mark.parametrize(
    ("retry", "attempts", "reason"),
    [
        ("2", 3, "killed by SIGUSR1"),
        ("{max: 2, when: {signals: [USR1]}}", 3, "killed by SIGUSR1"),
        ("{max: 2, when: {signals: [SIGUSR2], timeout: true}}", 1, "killed by SIGUSR1"),
        ("{max: 2, delay: 1h, max_delay: 10ms, jitter: 0.5}", 3, "killed by SIGUSR1"),
        (
            "{max: 2, delay: 100ms, backoff: 1000, max_time: 1m}",
            2,
            "killed by SIGUSR1, no time left for another attempt",
        ),
    ],
)
def test_retry_says_how_often_how_patiently_and_after_what(cli, retry, attempts, reason):
    found = run(cli, "steps:\n  a: {run: kill -USR1 $$, retry: %s}\n" % retry)
    assert found == {"a": ("failed", reason, attempts, "")}


def test_stop_says_which_signal_asks_a_step_to_end(cli):
    step = """
from signal import SIG_BLOCK, SIGUSR1, pthread_sigmask, sigwait
pthread_sigmask(SIG_BLOCK, [SIGUSR1])
open("ledger", "w").write("begun")
print(sigwait([SIGUSR1]) > 0)
"""
    text = "version: 1\nsteps:\n  a: {python: {file: step.py}, stop: {signal: USR1}}\n"
    process = running(cli.file("step.py", step), text)
    process.send_signal(SIGTERM)
    process.communicate(timeout=180)
    assert process.returncode == 143
    assert cli.run("logs", "a").out == "True\n"


@pytest.mark.parametrize("options", [[], ["--keep-going"]])
def test_fail_fast_keeps_the_rest_from_starting_unless_told_to_go_on(cli, options):
    found = run(
        cli,
        "fail_fast: true\nmax_parallel: 1\n"
        "steps:\n  a: {run: exit 1}\n  b: {run: echo b}\n  c: {run: echo c, if: failure()}\n",
        *options,
    )
    kept = ("cancelled", "fail_fast: `a` failed", 0, "")
    assert found == {
        "a": ("failed", "exit code 1", 1, ""),
        "b": ("succeeded", NEEDS_NOTHING, 1, "b\n") if options else kept,
        "c": ("skipped", "if: failure()", 0, ""),
    }


@pytest.mark.parametrize(
    "text",
    [
        "max_parallel: 1\nsteps:\n",
        "budget: {cpu: 1}\nsteps:\n",
        "budget: {cpu: 9, disk: 3GB}\ndefaults: {resources: {disk: 2GB}}\nsteps:\n",
        "budget: {cpu: 9, network: 3MB}\ndefaults: {resources: {network: 2MB}}\nsteps:\n",
        "budget: {cpu: 9, memory: 3GB}\ndefaults: {resources: {memory: 2GB}}\nsteps:\n",
        "budget: {cpu: 9, db: 3}\ndefaults: {resources: {db: 2}}\nsteps:\n",
        "budget: {cpu: 9}\ndefaults: {mutex: db}\nsteps:\n",
    ],
)
def test_what_only_one_step_can_have_is_had_by_one_at_a_time(cli, text):
    steps = "".join(
        "  s%d: {run: 'echo begin >> log; sleep 0.1; echo end >> log'}\n" % n for n in range(3)
    )
    run(cli, text + steps)
    assert cli.read("log").split() == ["begin", "end"] * 3


def test_priority_then_the_longest_path_says_who_starts_first(cli):
    run(
        cli,
        "max_parallel: 1\n"
        "steps:\n"
        "  short: {run: echo short >> log}\n"
        "  long: {run: echo long >> log, duration: 1h}\n"
        "  urgent: {run: echo urgent >> log, priority: 1}\n",
    )
    assert cli.read("log").split() == ["urgent", "long", "short"]


@pytest.mark.parametrize(
    ("body", "output"),
    [
        ("python: 'print(params[\"who\"], __name__)'", "me __main__\n"),
        ("python: {file: f.py, args: ['${{ params.who }}']}", "['me']\n"),
        ("python: {module: f, args: [x]}", "['x']\n"),
        ("python: {call: 'f:main', args: {who: '${{ params.who }}'}}", "[]\nme\n"),
        ("python: {file: f.py, interpreter: bin/other}", "other: []\n"),
        ("run: print(3 + 4), shell: [%s, -c]" % sys.executable, "7\n"),
        ("run: 'case $- in *e*) echo $0;; esac', shell: sh", "sh\n"),
        ("command: [pwd], working_dir: sub", None),
    ],
)
def test_a_body_is_run_as_its_kind_says(cli, body, output):
    cli.file("f.py", "import sys\nprint(sys.argv[1:])\ndef main(who):\n    print(who)\n")
    cli.file("bin/other", '#!/bin/sh\nprintf "other: "\nexec %s "$@"\n' % sys.executable)
    cli.file("sub/x", "")
    (cli.folder / "bin/other").chmod(0o755)
    found = run(cli, "params: {who: me}\nsteps:\n  a: {%s}\n" % body)
    where = "%s/sub\n" % cli.folder
    assert found == {"a": ("succeeded", NEEDS_NOTHING, 1, where if output is None else output)}


def test_requirements_and_conditions_decide_before_anything_starts(cli):
    assert run(
        cli,
        "params: {n: 1}\nvars: {most: '${{ params.n + 1 }}'}\n"
        "steps:\n"
        "  a: {require: [{if: params.n > vars.most, message: n is small}], run: echo}\n"
        "  b: {if: params.n > vars.most, run: echo}\n"
        "  c: {needs: {step: a, when: [failure, skipped]}, description: Tidies, run: echo c}\n",
    ) == {
        "a": ("failed", "n is small", 0, ""),
        "b": ("skipped", "if: params.n > vars.most (params.n is 1, vars.most is 2)", 0, ""),
        "c": ("succeeded", "its needs were met", 1, "c\n"),
    }


@pytest.mark.parametrize(
    ("rules", "value", "message"),
    [
        ("{type: int, required: true}", [], "is required: give it by -p n=VALUE"),
        ("{type: int, min: 2}", ["-p", "n=1"], "must be at least 2"),
        ("{type: int, max: 2}", ["-p", "n=3"], "must be at most 2"),
        ("{pattern: '[a-z]+'}", ["-p", "n=A"], "must match the pattern [a-z]+"),
        ("{enum: [a, b]}", ["-p", "n=c"], "must be one of a, b"),
        (
            "{type: date}",
            ["-p", "n=today?"],
            DATE,
        ),
    ],
)
def test_a_parameter_keeps_to_its_rules(cli, rules, value, message):
    cli.file("p.yaml", "version: 1\nparams: {n: %s}\nsteps:\n  a: {run: echo}\n" % rules)
    assert cli.run("run", "p.yaml", *value) == (2, "", "error: parameter `n` %s\n" % message)


def test_the_runs_timeout_fails_what_still_runs(cli):
    assert run(
        cli,
        "timeout: 1s\nsteps:\n  a: {run: sleep 60}\n  b: {needs: a}\n",
    ) == {
        "a": ("failed", "run timeout", 1, ""),
        "b": ("cancelled", "run timeout", 0, ""),
    }


def test_a_summary_is_kept_reported_and_shown_on_the_page_of_the_job(cli):
    cli.environ["GITHUB_STEP_SUMMARY"] = str(cli.folder / "page.md")
    cli.file(
        "p.yaml",
        "version: 1\nsteps:\n"
        "  a: {run: 'echo \"# a $ORCHESTRA_ATTEMPT\" > $ORCHESTRA_SUMMARY; exit 1', retry: 1}\n"
        "  b: {command: [echo, b]}\n"
        "  c: {run: 'head -c 2000000 /dev/zero | tr \"\\\\0\" x > $ORCHESTRA_SUMMARY'}\n",
    )
    result = cli.run("run", "p.yaml", "--report", "json=r.json")
    steps = {step["id"]: step["attempts"] for step in json.loads(cli.read("r.json"))["steps"]}
    first, second = steps["a"]
    assert Path(first["summary"]).read_text() == "# a 1\n"
    assert (second["summary_bytes"], steps["b"][0]["summary"]) == (6, None)
    assert steps["c"][0]["summary_bytes"] == 2**20
    assert "note: c: the summary has 2000000 bytes and was cut at 1 MiB" in result.lines
    page = cli.read("page.md")
    assert page.partition("| b |")[2].count("#### ") == 1
    assert page.endswith("#### a\n\n# a 2\n\n… and 1 more, too large for this page\n\n")


def test_artifacts_are_kept_before_steps_below_start_and_are_shown(cli):
    cli.file("sub/x", "")
    cli.file(
        "p.yaml",
        "version: 1\nparams: {kind: txt}\nsteps:\n"
        "  a:\n"
        "    run: echo one > a.txt; echo two > b.bin\n"
        "    working_dir: sub\n"
        '    artifacts: {paths: "*.${{ params.kind }}"}\n'
        "  tidy: {needs: a, run: rm sub/a.txt}\n"
        "  bad: {run: echo log > bad.log; exit 1, artifacts: {paths: bad.log, when: failure}}\n",
    )
    cli.run("run", "p.yaml", "--report", "json=r.json")
    steps = json.loads(cli.read("r.json"))["steps"]
    texts = {s["id"]: [Path(file["path"]).read_text() for file in s["artifacts"]] for s in steps}
    assert texts == {"a": ["one\n"], "tidy": [], "bad": ["log\n"]}
    (folder,) = (cli.folder / ".orchestra/runs").iterdir()
    assert "kept a: %s/artifacts/a/a.txt (4 B)" % folder in cli.run("show").out
    assert not (cli.folder / "sub/a.txt").exists()


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "~/x"])
def test_artifacts_lie_below_the_working_dir(cli, path):
    text = "version: 1\nsteps:\n  a: {run: echo, artifacts: {paths: %s}}\n"
    result = cli.file("p.yaml", text % path).run("validate", "p.yaml")
    assert result.code == 2
    assert "help: write a path below the step's `working_dir`" in result.err
    computed = 'version: 1\nparams: {x: "%s"}\n' % path + text.partition("\n")[2]
    cli.file("q.yaml", computed % '"${{ params.x }}"')
    assert "note: a: the artifacts could not be kept: `%s` " % path in cli.run("run", "q.yaml").out


def test_a_step_that_takes_more_memory_than_it_may_fails_and_may_be_tried_again(cli):
    code = "import time; x = bytearray(300 * 2**20); time.sleep(60)"
    text = (
        "version: 1\nsteps:\n"
        "  a: {python: '%s', resources: {memory: 100MiB}, enforce: true, retry: 1}\n" % code
    )
    cli.file("p.yaml", text).run("run", "p.yaml", "--report", "json=r.json")
    (step,) = json.loads(cli.read("r.json"))["steps"]
    outcomes = [attempt["outcome"] for attempt in step["attempts"]]
    assert (step["state"], outcomes) == ("failed", ["out_of_memory"] * 2)
    assert re.fullmatch(r"out of memory: peak [0-9.]+ MiB, limit 100 MiB", step["reason"])


def test_a_limit_on_nothing_is_warned_of(cli):
    text = (
        "version: 1\nsteps:\n  a: {run: echo, enforce: true, resources: {db: 1}}\nbudget: {db: 1}\n"
    )
    result = cli.file("p.yaml", text).run("validate", "p.yaml")
    assert result.code == 0
    assert "`enforce` limits nothing: the step says neither `memory` nor `cpu`" in result.err


def test_a_retry_may_wait_for_what_a_step_says_and_ask_for_more(cli):
    found = run(
        cli,
        "budget: {cpu: 4, memory: 1GiB}\n"
        "steps:\n"
        "  flaky:\n"
        '    run: echo "$ORCHESTRA_CPUS"; echo connection reset; test $ORCHESTRA_ATTEMPT = 3\n'
        "    retry: {max: 5, resources: {cpu: x2}, when: {output: 'connection (reset|refused)'}}\n"
        "  broken:\n"
        "    run: echo no such table; exit 1\n"
        "    retry: {max: 5, when: {output: connection}}\n"
        "  picky: {require: [{if: 'false', message: \"not on ${{ run.name }}\"}]}\n",
    )
    said = "connection reset\n"
    assert found == {
        "flaky": (
            "succeeded",
            "it needs nothing; attempt 3 succeeded",
            3,
            "1\n%s2\n%s4\n%s" % (said, said, said),
        ),
        "broken": ("failed", "exit code 1", 1, "no such table\n"),
        "picky": ("failed", "not on p", 0, ""),
    }


def test_artifacts_that_were_kept_for_a_while_go_with_a_later_run(cli):
    cli.file(
        "p.yaml",
        "steps:\n"
        "  a: {run: echo 1 > a.txt, artifacts: {paths: a.txt, keep: 1ms}}\n"
        "  b: {run: echo 1 > b.txt, artifacts: {paths: b.txt, keep: 9d}}\n",
    )
    assert cli.run("run", "p.yaml", "--report", "json=r.json").code == 0
    steps = json.loads(cli.read("r.json"))["steps"]
    [[first], [second]] = [step["artifacts"] for step in steps]
    paths = [Path(file["path"]) for file in (first, second)]
    assert [path.exists() for path in paths] == [True, True]
    assert second["until"] - first["until"] > 700_000
    assert cli.run("run", "p.yaml").code == 0
    assert [path.exists() for path in paths] == [False, True]
