"""`orchestra plan --against` as a person meets it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import Any, Dict

import pytest

from tests.cli.commandline import CommandLine

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git here")

FLOW = """version: 1
name: flow
steps:
  fetch: {run: 'seq 3 > rows.txt', cache: {inputs: [in.txt], outputs: [rows.txt]}}
  load: {needs: fetch, run: 'cat rows.txt', timeout: 1m}
  part: {uses: ./sub/used.yaml}
  last: {needs: [load, part], run: echo last}
"""
USED = "version: 1\nsteps:\n  u: {run: echo u}\n  s: {python: {file: s.py}}\n"


def git(cli: CommandLine, *words: str) -> None:
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ("-c", "user.name=ann", "-c", "user.email=ann@example.org", "-c", "init.defaultBranch=x")
    command = ["git", *who, *words]
    subprocess.run(command, cwd=cli.folder, env={**cli.environ, **own}, check=True)


def files(cli: CommandLine) -> CommandLine:
    cli.file("flow.yaml", FLOW).file("in.txt", "1").file("sub/s.py", "")
    return cli.file("sub/used.yaml", USED)


@pytest.fixture
def kept(cli: CommandLine) -> CommandLine:
    """The workflow in a commit, with a tag."""
    files(cli)
    git(cli, "init", "-q")
    git(cli, "add", "-A")
    git(cli, "commit", "-q", "-m", "first")
    git(cli, "tag", "v1")
    return cli


def change(cli: CommandLine, old: str, new: str, name: str = "flow.yaml") -> None:
    text = cli.read(name)
    assert old in text
    cli.file(name, text.replace(old, new))


def told(cli: CommandLine, against: str, *options: str, **given: Any) -> Dict[str, Any]:
    words = ("plan", "flow.yaml", "--against", against, "--format", "json", *options)
    done = cli.run(*words, **given)
    assert (done.code, done.err) == (0, "")
    found: Dict[str, Any] = json.loads(done.out)
    return found


def stamps(cli: CommandLine) -> Dict[str, int]:
    """When each file was changed, but for what SQLite keeps beside a database that is read."""
    paths = [path for path in cli.folder.rglob("*.*") if not path.name.startswith("runs.db-")]
    return {str(path): path.stat().st_mtime_ns for path in paths if path.is_file()}


def causes(found: Dict[str, Any]) -> Dict[str, Any]:
    return {step["id"]: step["causes"] for step in found["steps"] if step["causes"] != ["always"]}


def test_nothing_changed_is_said(cli: CommandLine) -> None:
    files(cli).run("run", "flow.yaml")
    done = cli.run("plan", "flow.yaml", "--against", "latest")
    assert (done.code, done.err) == (0, "")
    assert done.lines == [
        "flow against run RUN, which succeeded",
        "nothing is changed",
        "",
        "4 run each time, changed or not, 1 need not run",
    ]


def test_what_is_changed_since_a_run_and_what_runs_for_it_is_told(cli: CommandLine) -> None:
    files(cli).run("run", "flow.yaml")
    change(cli, "  fetch:", "  get:")
    change(cli, "needs: fetch", "needs: get")
    change(cli, "timeout: 1m", "timeout: 2m")
    change(cli, "echo u", "echo v", "sub/used.yaml")
    assert cli.run("plan", "flow.yaml", "--against", "flow.yaml").lines == [
        "flow against run RUN, which succeeded",
        "steps: 1 added, 2 changed, 3 as before",
        "",
        "+ get  (was fetch)",
        "~ load",
        "    needs  fetch → get (`fetch` is `get` now)",
        "    timeout  1m00s → 2m00s (not a reason to run)",
        "~ part/u",
        "    run  echo u → echo v",
        "",
        "step    run  resume   why",
        "get     run  unknown  it was `fetch`",
        "load    run  run      changed: needs; `get` above it runs again",
        "part    run  run      `part/u` in it runs again",
        "part/u  run  run      changed: run",
        "last    run  run      `load` above it runs again",
        "",
        "1 run each time, changed or not".replace("1 run", "1 more run"),
    ]


def test_files_and_outputs_that_changed_are_reasons_too(cli: CommandLine) -> None:
    files(cli).run("run", "flow.yaml")
    cli.file("in.txt", "2")
    step = told(cli, "latest")["steps"][0]
    assert (step["will"], step["causes"], step["on_resume"]) == ("run", ["cache"], "kept")
    assert step["why"].startswith("`in.txt` changed since run ")
    cli.file("in.txt", "1")
    (cli.folder / "rows.txt").unlink()
    assert "rows.txt" in told(cli, "latest")["steps"][0]["why"]


def test_a_step_that_failed_then_and_what_it_blocked_run_again(cli: CommandLine) -> None:
    files(cli)
    change(cli, "cat rows.txt", "test -e go")
    assert cli.run("run", "flow.yaml").code == 1
    found = told(cli, "latest")
    assert found["against"]["state"] == "failed"
    assert causes(found) == {"fetch": [], "load": ["failed"], "last": ["above", "failed"]}
    resumes = {step["id"]: step["on_resume"] for step in found["steps"]}
    assert [id for id, fate in resumes.items() if fate == "run"] == ["load", "last"]


def test_a_run_whose_options_or_file_are_others_is_told_as_such(cli: CommandLine) -> None:
    files(cli).run("run", "flow.yaml")
    cli.file("other.yaml", FLOW)
    words = ("plan", "other.yaml", "--against", "flow.yaml", "--format", "json")
    found = json.loads(cli.run(*words).out)
    assert found["is_same"]
    assert found["notes"] == ["that run is one of another file, %s/flow.yaml" % cli.folder]
    assert {step["on_resume"] for step in found["steps"]} == {None}


def test_other_values_of_parameters_are_told(cli: CommandLine) -> None:
    flow = "version: 1\nparams: {a: x}\nsteps: {s: {run: 'echo ${{ params.a }}'}}\n"
    cli.file("flow.yaml", flow).run("run", "flow.yaml")
    found = told(cli, "latest", "-p", "a=y")
    assert [(each["field"], each["old"], each["new"]) for each in found["params"]] == [
        ("a", "x", "y")
    ]
    assert not found["is_same"]


@needs_git
def test_a_revision_is_read_with_the_files_that_are_used_at_it(kept: CommandLine) -> None:
    assert told(kept, "v1")["is_same"]
    change(kept, "echo u", "echo v", "sub/used.yaml")
    change(kept, "s.py", "t.py", "sub/used.yaml")
    (kept.folder / "sub/s.py").rename(kept.folder / "sub/t.py")
    git(kept, "commit", "-q", "-a", "-m", "second")
    assert told(kept, "HEAD")["is_same"]
    found = told(kept, "HEAD~1")
    assert found["against"]["kind"] == "git"
    assert causes(found) == {
        "part": ["inside"],
        "part/u": ["changed"],
        "part/s": ["changed"],
        "last": ["above"],
    }


@needs_git
def test_a_revision_is_found_from_a_sub_folder_and_in_a_work_tree(kept: CommandLine) -> None:
    git(kept, "worktree", "add", "-q", "tree")
    change(kept, "echo u", "echo v", "sub/used.yaml")
    there = ("plan", "../sub/used.yaml", "--against", "v1", "--format", "json")
    os.mkdir(kept.folder / "elsewhere")
    below = CommandLine(kept.folder / "elsewhere").run(*there)
    assert [step["change"] for step in json.loads(below.out)["steps"]] == ["changed", "same"]
    tree = CommandLine(kept.folder / "tree")
    assert told(tree, "v1")["is_same"]


@needs_git
def test_in_a_hook_of_git_the_repository_is_that_around_the_file(kept: CommandLine) -> None:
    kept.environ["GIT_DIR"] = str(kept.folder / ".git")
    done = kept.run("plan", "sub/used.yaml", "--against", "v1", "--format", "json")
    assert json.loads(done.out)["against"]["has_file"]


@needs_git
def test_all_steps_of_a_file_that_was_not_there_are_new(kept: CommandLine) -> None:
    kept.file("new.yaml", "version: 1\nsteps: {a: {run: echo a}}\n")
    done = kept.run("plan", "new.yaml", "--against", "v1")
    assert done.code == 0
    assert done.out.splitlines()[1:] == [
        "steps: 1 added",
        "note: the file is not there as of v1: all of its steps are new",
        "",
        "+ a",
        "",
        "step  run  why",
        "a     run  it is new",
    ]


@needs_git
def test_a_run_comes_before_a_revision_of_that_name(kept: CommandLine) -> None:
    kept.run("run", "flow.yaml")
    git(kept, "tag", "latest")
    assert told(kept, "latest")["against"]["kind"] == "run"


def test_the_latest_run_of_what_never_ran_is_missed_in_words(cli: CommandLine) -> None:
    done = files(cli).run("plan", "flow.yaml", "--against", "latest")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "error: no run of flow.yaml is recorded, and git has no revision `latest`\n"
        "  help: run it first, or name a git revision\n"
    )


@needs_git
@pytest.mark.parametrize("name", ["-x", "--output=x", "nowhere", "HEAD~7", "HEAD:flow.yaml", "a b"])
def test_what_is_neither_run_nor_revision_is_refused(kept: CommandLine, name: str) -> None:
    done = kept.run("plan", "flow.yaml", "--against=" + name)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: there is no run and no git revision %s\n" % name)
    assert not (kept.folder / "x").exists()


@needs_git
def test_a_revision_that_a_shallow_clone_has_not_is_told_as_such(kept: CommandLine) -> None:
    git(kept, "commit", "-q", "--allow-empty", "-m", "second")
    git(kept, "clone", "-q", "--depth", "1", kept.folder.as_uri(), "clone")
    done = CommandLine(kept.folder / "clone").run("plan", "flow.yaml", "--against", "HEAD~1")
    assert done.code == 2
    assert done.err == (
        "error: there is no run and no git revision HEAD~1\n"
        "  help: this clone is shallow: `git fetch --unshallow` gets the rest of its history\n"
    )


@needs_git
def test_a_revision_in_which_the_file_cannot_be_read_is_refused(kept: CommandLine) -> None:
    git(kept, "rm", "-q", "--cached", "sub/used.yaml")
    git(kept, "commit", "-q", "-m", "second")
    found = told(kept, "HEAD")
    assert [step["id"] for step in found["steps"] if step["change"] == "changed"] == ["part"]
    kept.file("flow.yaml", "version: 1\nsteps: []\n")
    git(kept, "commit", "-q", "-a", "-m", "third")
    kept.file("flow.yaml", FLOW)
    done = kept.run("plan", "flow.yaml", "--against", "HEAD")
    assert done.code == 2
    assert "flow.yaml cannot be read as of HEAD: line 2" in done.err


def test_without_a_repository_or_without_git_it_is_said_so(cli: CommandLine) -> None:
    files(cli)
    cli.environ["GIT_CEILING_DIRECTORIES"] = str(cli.folder.parent)
    cli.environ["PATH"] = str(cli.folder)
    done = cli.run("plan", "flow.yaml", "--against", "main")
    assert (done.code, "no git to look for a revision" in done.err) == (2, True)


@needs_git
def test_outside_of_a_repository_git_says_so(cli: CommandLine) -> None:
    files(cli)
    cli.environ["GIT_CEILING_DIRECTORIES"] = str(cli.folder.parent)
    done = cli.run("plan", "flow.yaml", "--against", "main")
    assert (done.code, "not a git repository" in done.err) == (2, True)


def test_nothing_is_written_and_nothing_of_the_workflow_started(cli: CommandLine) -> None:
    files(cli).run("run", "flow.yaml")
    change(cli, "echo last", "touch started")
    before = stamps(cli)
    told(cli, "latest")
    assert stamps(cli) == before


@pytest.mark.parametrize("options", [["--format", "table"], ["--format", "dot"], ["--suggest"]])
def test_what_does_not_go_with_it_is_refused(cli: CommandLine, options: Any) -> None:
    files(cli).run("run", "flow.yaml")
    assert cli.run("plan", "flow.yaml", "--against", "latest", *options).code == 2
    assert cli.run("plan", "flow.yaml", "--format", "markdown").code == 2


def test_runs_are_completed(cli: CommandLine) -> None:
    files(cli).run("run", "flow.yaml")
    [run_id] = os.listdir(cli.folder / ".orchestra/runs")
    assert cli.complete("plan flow.yaml --against ") == [run_id]
