"""Old runs that are removed: real ones."""

from __future__ import annotations

import json
import os
import re

import pytest

from orchestra.executors.survivors import Survivors
from tests.cli.going import die, ledger, running, until

QUICK = "version: 1\nname: quick\nsteps:\n  a: {run: echo hello}\n"
LONG = "version: 1\nname: long\nsteps:\n  a: {run: 'echo begun >> ledger; sleep 60'}\n"
CACHED = """
version: 1
name: cached
steps:
  clean:
    run: |
      echo cleaned >> ledger
      sort raw.csv > clean.csv
      echo "rows=$(wc -l < clean.csv)" >> "$ORCHESTRA_OUTPUT"
    outputs: {rows: int}
    cache: {inputs: [raw.csv], outputs: [clean.csv]}
  show: {needs: clean, run: 'echo ${{ steps.clean.outputs.rows }}'}
"""
CHANGING = [
    (re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}"), "RUN"),
    (re.compile(r"\d+\.\d+s"), "TIME"),
    (re.compile(r"[\d.]+ [KM]?i?B"), "SIZE"),
]


@pytest.fixture
def cli(cli):
    """A folder with a quick workflow."""
    return cli.file("quick.yaml", QUICK)


def said(cli, text):
    """The lines of a text without what is another one in each run."""
    for pattern, word in CHANGING:
        text = pattern.sub(word, text)
    return [" ".join(line.split()) for line in text.replace(str(cli.folder), "HERE").splitlines()]


def ran(cli, count):
    """The ids of so many runs, oldest first."""
    assert [cli.run("run", "quick.yaml").code for _ in range(count)] == [0] * count
    return run_ids(cli)


def run_ids(cli):
    return sorted(os.listdir(cli.folder / ".orchestra/runs"))


def shown(cli):
    """The ids of the runs that are listed, newest first."""
    return [row["run_id"] for row in json.loads(cli.run("runs", "--format", "json").out)["runs"]]


def cut_off(cli):
    """A run whose orchestrator was killed, and whose steps have ended since."""
    die(running(cli, LONG.replace("sleep 60", "while [ ! -e go ]; do sleep 0.02; done")))
    cli.file("go", "")
    (run_id,) = run_ids(cli)
    until(lambda: not Survivors(run_id).by_attempt())


def test_all_but_the_newest_go_and_are_told(cli):
    ids = ran(cli, 3)

    result = cli.run("prune", "--keep", "1")

    assert (result.code, result.err, said(cli, result.out)) == (
        0,
        "",
        [
            "run workflow state age size",
            "RUN quick succeeded TIME SIZE",
            "RUN quick succeeded TIME SIZE",
            "",
            "2 runs removed from HERE/.orchestra, SIZE freed",
        ],
    )
    assert [line.split()[0] for line in result.out.splitlines()[1:3]] == ids[:2]
    assert (run_ids(cli), shown(cli)) == (ids[2:], ids[2:])
    assert cli.run("show", ids[0]).err.splitlines() == [
        "error: there is no run %s" % ids[0],
        "  help: the latest are %s" % ids[2],
    ]
    assert cli.run("logs").out == "==> a (attempt 1) <==\nhello\n"


def test_a_dry_run_tells_and_removes_nothing(cli):
    ids = ran(cli, 2)

    result = cli.run("prune", "--older-than", "0", "--dry-run")

    assert (result.code, result.err) == (0, "")
    assert said(cli, result.out)[-1] == "2 runs would be removed from HERE/.orchestra, SIZE freed"
    assert (run_ids(cli), shown(cli)) == (ids, ids[::-1])


def test_programs_get_it_as_json(cli):
    ids = ran(cli, 2)

    dry = json.loads(cli.run("prune", "--keep", "1", "--dry-run", "--format", "json").out)
    wet = json.loads(cli.run("prune", "--keep", "1", "--format", "json").out)

    (run,) = wet["runs"]
    assert (dry["dry_run"], wet["dry_run"]) == (True, False)
    assert [each["run_id"] for each in dry["runs"]] == ids[:1]
    assert (run["run_id"], run["workflow"], run["state"]) == (ids[0], "quick", "succeeded")
    assert wet["freed_bytes"] == run["freed_bytes"] == dry["freed_bytes"]


@pytest.mark.parametrize("format", ["table", "json"])
def test_where_nothing_is_old_it_says_so(cli, format):
    ran(cli, 1)

    result = cli.run("prune", "--older-than", "1d", "--keep", "9", "--format", format)

    assert (result.code, result.err) == (0, "")
    assert said(cli, result.out)[0] in ("nothing to remove in HERE/.orchestra", "{")


def test_a_run_that_goes_on_is_kept_and_ends_well(cli):
    run = running(cli, LONG)
    ids = ran(cli, 1)

    result = cli.run("prune", "--keep", "0", "--cut-off")

    assert (result.code, result.err) == (0, "1 old run is kept: it goes on\n")
    assert shown(cli) == ids[:1]
    assert cli.run("cancel").code == 0
    run.communicate(timeout=180)
    assert run.returncode == 143


def test_a_run_that_was_cut_off_is_kept_unless_asked_for(cli):
    cut_off(cli)
    ids = run_ids(cli)

    kept = cli.run("prune", "--keep", "0")
    gone = cli.run("prune", "--keep", "0", "--cut-off")

    assert (kept.code, said(cli, kept.out)) == (0, ["nothing to remove in HERE/.orchestra"])
    assert kept.err == (
        "1 old run is kept: it was cut off and can be resumed; --cut-off removes it too\n"
    )
    assert (gone.code, gone.err, said(cli, gone.out)[1][:16]) == (0, "", "RUN long cut off")
    assert (len(ids), run_ids(cli), shown(cli)) == (1, [], [])


def test_a_run_of_which_steps_go_on_is_kept_though_it_was_cut_off(cli):
    die(running(cli, LONG))

    kept = cli.run("prune", "--keep", "0", "--cut-off")

    assert (kept.code, kept.err) == (0, "1 old run is kept: it goes on\n")
    assert "nothing of it runs any more" in cli.run("cancel").err


def test_what_is_up_to_date_remains_so(cli):
    cli.file("cached.yaml", CACHED).file("raw.csv", "b\na\n")
    cli.run("run", "cached.yaml")
    (first,) = run_ids(cli)

    gone = cli.run("prune", "--keep", "0")
    planned = json.loads(cli.run("plan", "cached.yaml", "--format", "json").out)
    again = cli.run("run", "cached.yaml")

    will = {step["id"]: (step["will"], step["reason"]) for step in planned["steps"]}
    assert (gone.code, again.code) == (0, 0)
    assert will["clean"] == ("cached", "up to date since run " + first)
    assert cli.run("logs", "show").out == "2\n"
    assert (ledger(cli), len(shown(cli))) == (["cleaned"], 1)
    cli.file("raw.csv", "c\nb\na\n").run("run", "cached.yaml")
    cli.run("prune", "--keep", "0")
    cli.file("raw.csv", "b\na\n").file("clean.csv", "a\nb\n").run("run", "cached.yaml")
    assert ledger(cli) == ["cleaned"] * 2


def test_completion_and_choosing_know_no_removed_run(cli):
    cli.file("cached.yaml", CACHED).file("raw.csv", "b\na\n")
    cli.run("run", "cached.yaml")
    cli.run("prune", "--keep", "0")

    chosen = cli.run("run", "cached.yaml", "--only", "show")

    assert (cli.complete("show "), cli.complete("cancel ")) == ([], [])
    assert chosen.code == 2
    assert "`show` uses outputs of `clean`, and no earlier run has them" in chosen.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["error: say which runs are old", "  help: --keep 50, --older-than 30d, or both"]),
        (
            ["--older-than", "30"],
            [
                "error: --older-than 30 is no age",
                "  help: write it as in 30d, 12h, 1h30m, up to 3650d",
            ],
        ),
        (
            ["--older-than", "-1d"],
            [
                "error: --older-than -1d is no age",
                "  help: write it as in 30d, 12h, 1h30m, up to 3650d",
            ],
        ),
        (
            ["--keep", "1", "--format", "yaml"],
            ["error: --format yaml is not known", "  help: one of table, json"],
        ),
    ],
)
def test_what_cannot_be_is_one_error_and_removes_nothing(cli, arguments, words):
    ids = ran(cli, 2)

    result = cli.run("prune", *arguments)

    assert (result.code, result.out, result.err.splitlines()) == (2, "", words)
    assert run_ids(cli) == ids


def test_what_cannot_be_removed_is_told_and_the_rest_goes(cli):
    ids = ran(cli, 3)
    lock = cli.folder / ".orchestra/runs" / ids[0] / "lock"
    lock.unlink()
    lock.symlink_to(cli.folder / "outside")

    result = cli.run("prune", "--keep", "0")

    assert result.code == 3
    assert said(cli, result.out)[-1] == "2 runs removed from HERE/.orchestra, SIZE freed"
    assert said(cli, result.err) == [
        "error: HERE/.orchestra/runs/RUN: "
        "it could not be removed: Too many levels of symbolic links"
    ]
    assert (shown(cli), (cli.folder / "outside").exists()) == (ids[:1], False)


def test_a_folder_that_holds_no_runs_is_left_as_it_is(cli):
    result = cli.run("prune", "--keep", "0", "--state-dir", ".")

    assert (result.code, said(cli, result.out)) == (0, ["nothing to remove in HERE"])
    assert os.listdir(cli.folder) == ["quick.yaml"]


def test_without_a_record_there_is_nothing_to_go_by(cli):
    (run_id,) = ran(cli, 1)
    (cli.folder / ".orchestra/runs.db").unlink()

    result = cli.run("prune", "--older-than", "0")

    assert (result.code, result.out, run_ids(cli)) == (3, "", [run_id])
    assert "store damaged: it is missing, there are runs" in result.err
