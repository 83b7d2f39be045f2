"""Steps with a cache on the command line: cached or run, and planned as they will be."""

from __future__ import annotations

import json
import os
import re

import pytest

FLOW = """
version: 1
name: flow
params: {trait: mass}
env: {MODE: fast}
steps:
  clean:
    run: |
      sort raw.csv > clean.csv
      echo "rows=$(wc -l < clean.csv)" >> "$ORCHESTRA_OUTPUT"
      echo cleaned >> ledger
    outputs: {rows: int}
    cache: {inputs: [raw.csv], outputs: [clean.csv], env: [MODE]}
  plot:
    needs: clean
    run: |
      echo ${{ params.trait }} ${{ steps.clean.outputs.rows }} > plot.svg
      echo plotted >> ledger
    cache: {inputs: [clean.csv], outputs: [plot.svg]}
  show: {needs: plot, run: cat plot.svg}
"""


@pytest.fixture
def flow(cli):
    """The workflow after its first run."""
    cli.file("flow.yaml", FLOW).file("raw.csv", "b\na\n")
    assert cli.run("run", "flow.yaml").code == 0
    (cli.folder / "ledger").unlink()
    return cli


def run(cli, *options):
    """How each step ended in a run, run ids by their place in time, and what really ran."""
    done = cli.run("run", "flow.yaml", "--report", "json=r.json", *options)
    text = cli.read("r.json")
    for place, run_id in enumerate(sorted(os.listdir(cli.folder / ".orchestra/runs")), 1):
        text = text.replace(run_id, "RUN-%d" % place)
    ended = {s["id"]: (s["state"], s["reason"]) for s in json.loads(text)["steps"]}
    ledger = cli.folder / "ledger"
    ran = ledger.read_text().split() if ledger.exists() else []
    return done.code, {id: ended[id] for id in ("clean", "plot")}, ran


def plan(cli, *options):
    """What the plan foretells of each step, run ids left out."""
    data = json.loads(cli.run("plan", "flow.yaml", "--format", "json", *options).out)
    since = re.compile(" since run .*")
    return {s["id"]: (s["will"], since.sub("", s["reason"])) for s in data["steps"]}


UP_TO_DATE = ("cached", "up to date since run RUN-1")


def test_nothing_changed_nothing_runs(flow):
    assert plan(flow) == {
        "clean": ("cached", "up to date"),
        "plot": ("cached", "up to date"),
        "show": ("run", "after plot"),
    }
    assert run(flow) == (0, {"clean": UP_TO_DATE, "plot": UP_TO_DATE}, [])
    assert flow.run("logs", "show").out == "mass 2\n"


def test_a_cached_step_gives_back_its_outputs_run_after_run(flow):
    run(flow)
    assert run(flow, "-p", "trait=bill")[1] == {
        "clean": UP_TO_DATE,
        "plot": ("succeeded", "`params.trait` changed since run RUN-1"),
    }
    assert flow.read("plot.svg") == "bill 2\n"


def test_an_input_that_changes_runs_what_is_below_it(flow):
    flow.file("raw.csv", "c\nb\na\n")
    assert plan(flow) == {
        "clean": ("run", "`raw.csv` changed"),
        "plot": ("unknown", "below `clean`, which will run"),
        "show": ("run", "after plot"),
    }
    reason = "`steps.clean.outputs.rows` changed, `clean.csv` changed since run RUN-1"
    assert run(flow) == (
        0,
        {
            "clean": ("succeeded", "`raw.csv` changed since run RUN-1"),
            "plot": ("succeeded", reason),
        },
        ["cleaned", "plotted"],
    )


def test_what_is_below_does_not_run_where_nothing_came_out_otherwise(flow):
    flow.file("raw.csv", "a\nb\n")
    code, ended, ran = run(flow)
    assert (code, ended["plot"], ran) == (0, UP_TO_DATE, ["cleaned"])


def test_an_output_that_is_gone_runs_its_step_again(flow):
    (flow.folder / "clean.csv").unlink()
    assert plan(flow)["clean"] == ("run", "`clean.csv` is gone")
    code, ended, ran = run(flow)
    assert (code, ran) == (0, ["cleaned"])
    assert ended["clean"] == ("succeeded", "`clean.csv` is gone since run RUN-1")


def test_inherited_variables_count_where_they_are_named(flow):
    flow.file("flow.yaml", FLOW.replace("MODE: fast", "MODE: slow"))
    assert plan(flow)["clean"] == ("run", "env `MODE` changed")


def test_force_runs_what_is_up_to_date(flow):
    assert plan(flow, "--force")["plot"] == ("run", "--force")
    code, ended, ran = run(flow, "--force")
    assert (code, ended["plot"], ran) == (0, ("succeeded", "--force"), ["cleaned", "plotted"])
    assert run(flow)[1]["plot"] == ("cached", "up to date since run RUN-2")


def test_a_failed_attempt_is_not_taken_as_done_though_its_files_are_there(flow):
    failing = FLOW.replace("sort raw.csv > clean.csv", "sort raw.csv > clean.csv; test ! -e fail")
    flow.file("flow.yaml", failing)
    run(flow)
    (flow.folder / "fail").touch()
    assert run(flow, "--force")[0] == 1
    (flow.folder / "fail").unlink()
    assert plan(flow)["clean"] == ("run", "its last attempt did not succeed")
    code, ended, _ = run(flow)
    assert (code, ended["clean"][0]) == (0, "succeeded")


def test_a_declared_output_that_is_missing_fails_the_step(cli):
    cli.file("flow.yaml", FLOW.replace("outputs: [clean.csv]", "outputs: [clean.cvs]"))
    cli.file("raw.csv", "a\n").run("run", "flow.yaml")
    found = cli.run("why", "clean").out
    assert found.startswith("`clean` failed: cache.outputs: there is no `clean.cvs`")


def test_a_plan_reads_and_leaves_nothing(cli):
    cli.file("flow.yaml", FLOW).file("raw.csv", "a\n")
    assert plan(cli)["clean"] == ("run", "it has not succeeded before")
    assert sorted(os.listdir(cli.folder)) == ["flow.yaml", "raw.csv"]


def test_an_input_that_is_not_there_is_noted(cli):
    cli.file("flow.yaml", FLOW.replace("inputs: [raw.csv]", "inputs: [raw.csv, rwa.csv]"))
    done = cli.file("raw.csv", "a\n").run("run", "flow.yaml")
    assert "note: clean: cache.inputs: there is no `rwa.csv`" in done.out


def test_a_chosen_step_may_be_cached_beside_those_left_out(flow):
    code, ended, ran = run(flow, "--only", "plot")
    assert (code, ended["plot"], ran) == (0, UP_TO_DATE, [])
    assert ended["clean"] == ("skipped", "left out by --only plot, outputs of run RUN-1")
    assert plan(flow, "--only", "plot")["plot"] == ("cached", "up to date")


def test_secrets_count_by_name_so_that_another_value_is_up_to_date(cli):
    cli.file(
        "flow.yaml",
        "version: 1\n"
        "secrets: [TOKEN]\n"
        "steps:\n"
        "  clean:\n"
        "    run: 'echo ${{ secrets.TOKEN }} $T > out'\n"
        "    env: {T: '${{ secrets.TOKEN }}'}\n"
        "    cache: {outputs: [out]}\n"
        "  plot: {needs: clean, run: echo}\n",
    )
    cli.environ["TOKEN"] = "first-secret"
    assert run(cli)[1]["clean"] == ("succeeded", "it has not succeeded before")
    cli.environ["TOKEN"] = "second-secret"
    assert run(cli)[1]["clean"] == UP_TO_DATE


NIGHTLY = """
version: 1
name: nightly
steps:
  list:
    run: |
      echo 'files=["a","b"]' >> "$ORCHESTRA_OUTPUT"
    outputs: {files: json}
    cache: {inputs: [list.sh]}
  convert:
    needs: list
    foreach: ${{ steps.list.outputs.files }}
    run: |
      tr a-z A-Z < ${{ item }}.csv > ${{ item }}.txt
      echo "name=${{ item }}" >> "$ORCHESTRA_OUTPUT"
    outputs: {name: string}
    cache: {inputs: ["${{ item }}.csv"], outputs: ["${{ item }}.txt"]}
  deploy:
    needs: convert
    uses: ./site/deploy.yaml
    with: {count: "${{ len(steps.convert.outputs.name) }}"}
  pack:
    needs: convert
    matrix: {os: [alpine, debian]}
    steps:
      build:
        run: cat a.txt > ${{ matrix.os }}.pack
        cache: {inputs: [a.txt], outputs: ["${{ matrix.os }}.pack"]}
      inspect:
        needs: build
        python: print(matrix["os"])
        cache: {inputs: ["${{ matrix.os }}.pack"]}
"""
DEPLOY = """
version: 1
params: {count: {type: int}}
steps:
  page:
    run: cp text.txt page.txt; echo "size=${{ params.count }}" >> "$ORCHESTRA_OUTPUT"
    outputs: {size: int}
    cache: {inputs: [text.txt], outputs: [page.txt]}
outputs: {size: "${{ steps.page.outputs.size }}"}
"""


@pytest.fixture
def nightly(cli):
    """A workflow with instances, chains and a used file in a folder of its own, run once."""
    cli.file("nightly.yaml", NIGHTLY).file("site/deploy.yaml", DEPLOY)
    cli.file("a.csv", "a\n").file("b.csv", "b\n").file("list.sh", "").file("site/text.txt", "t")
    assert cli.run("run", "nightly.yaml").code == 0
    return cli


def states(cli, *options):
    """The state of each step that runs something itself."""
    assert cli.run("run", "nightly.yaml", "--report", "json=r.json", *options).code == 0
    found = {s["id"]: s["state"] for s in json.loads(cli.read("r.json"))["steps"]}
    return {id: found[id] for id in LEAVES}


LEAVES = (
    "list",
    "convert[0]",
    "convert[1]",
    "deploy/page",
    "pack[os=alpine]/build",
    "pack[os=alpine]/inspect",
    "pack[os=debian]/build",
    "pack[os=debian]/inspect",
)


def test_instances_chains_and_used_workflows_are_cached_each_for_itself(nightly):
    assert states(nightly) == dict.fromkeys(LEAVES, "cached")
    nightly.file("b.csv", "c\n")
    again = {**dict.fromkeys(LEAVES, "cached"), "convert[1]": "succeeded"}
    assert states(nightly) == again
    nightly.file("site/text.txt", "u")
    again = {**dict.fromkeys(LEAVES, "cached"), "deploy/page": "succeeded"}
    assert states(nightly) == again


def test_instances_are_found_again_by_what_they_stand_for(nightly):
    nightly.file("nightly.yaml", NIGHTLY.replace('["a","b"]', '["b","a"]'))
    again = {**dict.fromkeys(LEAVES, "cached"), "list": "succeeded"}
    assert states(nightly) == again


def test_the_plan_tells_of_each_instance_whether_it_is_up_to_date(nightly):
    def wills():
        data = json.loads(nightly.run("plan", "nightly.yaml", "--format", "json").out)
        return {s["id"]: s["will"] for s in data["steps"]}

    assert wills() == {
        "list": "cached",
        "convert": "cached",
        "convert[0]": "cached",
        "convert[1]": "cached",
        "deploy": "run",
        "deploy/page": "cached",
        "pack": "run",
        "pack[os=alpine]": "run",
        "pack[os=debian]": "run",
        "pack/build": "unknown",
        "pack/inspect": "unknown",
    }
    nightly.file("b.csv", "c\n")
    found = wills()
    assert [found[id] for id in ("convert", "convert[0]", "convert[1]", "deploy/page")] == [
        "run",
        "cached",
        "run",
        "unknown",
    ]


def test_two_folders_that_share_a_record_share_no_success(cli):
    flow = "version: 1\nsteps:\n  a: {run: mkdir -p made, cache: {inputs: [in.txt]}}\n"
    for folder in ("one", "two"):
        cli.file(folder + "/flow.yaml", flow).file(folder + "/in.txt", "same")
        assert cli.run("run", folder + "/flow.yaml", "--state-dir", "state").code == 0
        assert (cli.folder / folder / "made").is_dir()


FILES = """
version: 1
steps:
  each: {foreach: "${{ glob('*.csv') }}", run: "wc ${{ item }}", cache: {inputs: ["${{ item }}"]}}
  sum: {env: {SUM: "${{ hash_files('b.csv') }}"}, run: echo sum, cache: {inputs: [b.csv]}}
  part: {uses: ./sub/used.yaml}
"""
USED = """
version: 1
steps:
  each: {foreach: "${{ glob('*.txt') }}", run: "wc ${{ item }}", cache: {inputs: ["${{ item }}"]}}
"""


def test_a_plan_knows_what_functions_say_of_files(cli):
    cli.file("a.csv", "").file("b.csv", "").file("sub/c.txt", "")
    cli.file("flow.yaml", FILES).file("sub/used.yaml", USED)
    assert cli.run("run", "flow.yaml").code == 0
    wills = {id: will for id, (will, _) in plan(cli).items()}
    assert wills == {
        "each": "cached",
        "each[0]": "cached",
        "each[1]": "cached",
        "sum": "cached",
        "part": "run",
        "part/each": "cached",
        "part/each[0]": "cached",
    }


LISTED = """
version: 1
steps:
  list: {run: 'echo "l=[1,2]" >> "$ORCHESTRA_OUTPUT"', outputs: {l: json}}
  each: {needs: list, foreach: "${{ steps.list.outputs.l }}", run: "true", cache: {inputs: [in]}}
"""


def test_only_a_run_can_tell_of_instances_that_it_will_find(cli):
    cli.file("flow.yaml", LISTED).file("in", "")
    assert plan(cli)["each"] == ("unknown", "below `list`, which will run")
    assert plan(cli, "--force")["each"] == ("run", "after list")
