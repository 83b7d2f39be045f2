"""The page about CI is true: its files are what other programs read, their commands run."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any, List

import pytest
import yaml

from orchestra.lints.catalogue import LINTS
from tests.cli.commandline import CommandLine

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "ci.md").read_text("utf-8")
LINTS_PAGE = (ROOT / "docs" / "lints.md").read_text("utf-8")
FILES = dict(re.findall(r"<!-- ci: (\S+) -->\n```yaml\n(.*?)```", PAGE, re.DOTALL))
PIPELINE = re.search(r"<!-- file: pipeline.yaml -->\n```yaml\n(.*?)```", PAGE, re.DOTALL).group(1)
HOOK = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))[0]

SCRIPTS = [
    line for text in FILES.values() for line in re.findall(r"(?:run: |    - )(orchestra .*)", text)
]


@pytest.fixture
def cli(tmp_path):
    return CommandLine(tmp_path).file("pipeline.yaml", PIPELINE)


def typed(cli: CommandLine, line: str) -> Any:
    words = [word.replace("$FILE", "pipeline.yaml") for word in shlex.split(line)]
    return cli.run(*words[1 : words.index(">") if ">" in words else None])


@pytest.mark.parametrize("line", sorted(set(SCRIPTS)))
def test_a_command_in_a_file_for_ci_runs_and_finds_faults(cli, line):
    cli.environ["CI"] = "true"
    assert typed(cli, line).code == 0
    cli.file("pipeline.yaml", PIPELINE.replace("needs: build", "needs: biuld"))
    assert typed(cli, line).code == 2


def test_the_files_for_ci_have_a_command_each():
    assert len(SCRIPTS) == 4


def test_the_workflows_of_github_have_jobs_that_run_on_something():
    for name in (".github/workflows/workflows.yml", ".github/workflows/scanning.yml"):
        workflow = yaml.safe_load(FILES[name])
        jobs: List[Any] = list(workflow["jobs"].values())
        assert [job["runs-on"] for job in jobs] == ["ubuntu-latest"]
        assert all(("uses" in step) != ("run" in step) for job in jobs for step in job["steps"])


def test_each_script_of_the_action_names_its_shell_and_takes_inputs_by_env():
    action = yaml.safe_load(FILES["action.yml"])
    assert action["runs"]["using"] == "composite"
    for step in action["runs"]["steps"]:
        assert (step["shell"], "${{" in step["run"]) == ("bash", False)
    named = set(re.findall(r"inputs\.(\w+)", FILES["action.yml"]))
    assert named == set(action["inputs"])


def test_the_upload_of_code_scanning_runs_where_faults_were_found():
    steps = yaml.safe_load(FILES[".github/workflows/scanning.yml"])["jobs"]["scan"]["steps"]
    written = re.search(r"> (\S+)", steps[-2]["run"]).group(1)
    assert (steps[-1]["if"], steps[-1]["with"]["sarif_file"]) == ("always()", written)


def test_the_hook_checks_the_files_that_it_is_handed(cli):
    known = {"id", "name", "description", "entry", "language", "types", "files"}
    assert set(HOOK) == known
    assert re.search(HOOK["files"], "flows/pipeline.yaml")
    assert not re.search(HOOK["files"], "flows/values.yaml")
    assert typed(cli, HOOK["entry"] + " pipeline.yaml").code == 0
    assert typed(cli.file("b.yaml", "steps: {a: {}}\nq: 1"), HOOK["entry"] + " b.yaml").code == 2


def test_the_hooks_on_the_page_are_the_hook_of_the_repository():
    for name in (".pre-commit-config.yaml", "local/.pre-commit-config.yaml"):
        [repo] = yaml.safe_load(FILES[name])["repos"]
        [hook] = repo["hooks"]
        assert hook["id"] == HOOK["id"]
        assert hook.get("entry", HOOK["entry"]) == HOOK["entry"]


def test_every_lint_has_its_section_with_a_bad_and_a_good_example():
    said = re.findall(
        r"^## (\S+) (\S+)$(?:(?!^## ).)*?<!-- bad: \1 -->(?:(?!^## ).)*?<!-- good: \1 -->",
        LINTS_PAGE,
        re.MULTILINE | re.DOTALL,
    )
    assert said == [(lint.code, lint.name) for lint in LINTS]


def test_the_help_of_a_rule_is_what_the_lint_advises(cli):
    log = json.loads(cli.run("validate", "pipeline.yaml", "--format", "sarif").out)
    rules = log["runs"][0]["tool"]["driver"]["rules"]
    assert [(rule["id"], rule["help"]["text"]) for rule in rules] == [
        (lint.code, lint.advice) for lint in LINTS
    ]
