"""The same file gives the same wherever it runs: penguins here, on two Slurm nodes, on Dask."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple

import pytest

from orchestra.model.errand import IN_FLIGHT_PREFIX, OF_MACHINE
from tests.dask.engine import need_dask
from tests.slurm.cluster import Cluster

ROOT = Path(__file__).parents[2]

Data = Dict[str, Any]

# what a run may be known by, and nothing else: when, how long, where
OF_RUN = {"run_id", "started_at", "elapsed_s", "predicted_s", "lower_bound_s", "policy"}
OF_STEP = {"duration_s", "cpu_s", "max_rss_bytes", "resources"}
OF_ATTEMPT = {
    "started_at", "ended_at", "queued_s", "cpu_s", "max_rss_bytes", "log",
    "executor", "job", "node", "launched_at", "engine_queue_s", "queue_reason",
}  # fmt: skip


class Run(NamedTuple):
    """What came of a run: its report but for times and places, and all that it left."""

    report: Data
    logs: Mapping[str, bytes]
    digests: Mapping[str, str]
    where: List[str]


def without(data: Data, keys: Any) -> Data:
    return {name: value for name, value in data.items() if name not in keys}


def own_amounts(amounts: Data) -> Data:
    """Those that count in the run itself, not on the machine that a step runs on."""
    return {
        name: amount
        for name, amount in amounts.items()
        if name not in OF_MACHINE and not name.startswith(IN_FLIGHT_PREFIX)
    }


def timeless(step: Data) -> Data:
    attempts = [without(attempt, OF_ATTEMPT) for attempt in step["attempts"]]
    resources = own_amounts(step["resources"])
    artifacts = [
        {**each, "path": each["path"].partition("/artifacts/")[2]} for each in step["artifacts"]
    ]
    changed = {"attempts": attempts, "resources": resources, "artifacts": artifacts}
    return {**without(step, OF_STEP), **changed}


def digest(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=32).hexdigest()


def penguins(folder: Path, executor: str, environ: Mapping[str, str]) -> Run:
    """A run of the example in a copy of its folder, whose results are kept as artifacts as well."""
    ignored = shutil.ignore_patterns("__pycache__", "results", ".orchestra")
    shutil.copytree(str(ROOT / "examples" / "penguins"), str(folder), ignore=ignored)
    text = (folder / "pipeline.yaml").read_text(encoding="utf-8")
    outputs = "    outputs: {report: string}\n"
    assert text.count(outputs) == 1
    text = text.replace(outputs, outputs + "    artifacts: {paths: ['results/*']}\n")
    (folder / "pipeline.yaml").write_text(text, encoding="utf-8")
    names = ("HOME", "PATH", "TMPDIR", "LANG", "PYTHONPATH")
    done = subprocess.run(
        [sys.executable, "-m", "orchestra", "run", "pipeline.yaml", "--executor", executor,
         "--output", "quiet", "--report", "json=report.json"],
        cwd=folder,
        env={**{name: os.environ[name] for name in names if name in os.environ}, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    attempts = [attempt for step in report["steps"] for attempt in step["attempts"]]
    logs = {Path(each["log"]).name: Path(each["log"]) for each in attempts if each["log"]}
    results = sorted((folder / "results").iterdir())
    return Run(
        {
            **without(report, OF_RUN),
            "budget": own_amounts(report["budget"]),
            "steps": [timeless(step) for step in report["steps"]],
        },
        {name: path.read_bytes() for name, path in logs.items() if path.exists()},
        {path.name: digest(path) for path in results},
        [str(each.get("executor", "local")) for each in attempts],
    )


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return penguins(tmp_path_factory.mktemp("here") / "penguins", "local", {})


def same(run: Run, here: Run) -> None:
    assert run.report == here.report
    assert run.logs == here.logs
    assert run.digests == here.digests


def test_the_run_here_has_all_that_is_held_against_the_others(here: Run) -> None:
    states = {step["id"]: step["state"] for step in here.report["steps"]}
    assert (len(states), set(states.values())) == (10, {"succeeded"})
    assert set(here.where) == {"local"}
    assert sorted(here.digests) == ["clean.csv", "penguins.svg", "report.json", "report.md"]
    assert here.logs["by_year.1.log"].startswith(b"year 2007: 109 birds\n")
    [report] = [step for step in here.report["steps"] if step["id"] == "report"]
    kept = {each["path"]: each["blake2b"] for each in report["artifacts"]}
    assert kept == {"report/results/%s" % name: found for name, found in here.digests.items()}


@pytest.mark.engines
def test_two_nodes_of_slurm_give_the_same(
    here: Run, tmp_path: Path, shared_cluster: Cluster
) -> None:
    run = penguins(tmp_path / "penguins", "slurm", shared_cluster.environ)
    same(run, here)
    assert set(run.where) == {"slurm"}


@pytest.mark.engines
def test_dask_gives_the_same(here: Run, tmp_path: Path) -> None:
    need_dask()
    run = penguins(tmp_path / "penguins", "dask", {})
    same(run, here)
    assert set(run.where) == {"dask"}
