"""Snakemake is given what the private cluster needs, and nothing of it is left elsewhere."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.benchmarks.slurm_snakemake import snakemake_on


def test_an_srun_without_slurm_s_variables_finds_the_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slurm = tmp_path / "slurm/srun"
    slurm.parent.mkdir()
    slurm.write_text('#!/bin/sh\nprintf "%s|" "$SLURM_CONF" "$@"\n')
    slurm.chmod(0o755)
    monkeypatch.setenv("PATH", "%s:%s" % (slurm.parent, os.environ["PATH"]))
    monkeypatch.delenv("SLURM_CONF", raising=False)
    folder = tmp_path / "run"
    folder.mkdir()

    run = snakemake_on({"SLURM_CONF": "/a b/conf"}, Path("/bin/snakemake"), folder, 3, 300)
    said = subprocess.check_output(["srun", "-n1", "a b"], env={"PATH": run.environ["PATH"]})

    assert said == b"/a b/conf|-n1|a b|"


def test_its_temporary_files_and_caches_are_in_its_folder(tmp_path: Path) -> None:
    run = snakemake_on({}, Path("/bin/snakemake"), tmp_path, 3, 300)
    assert run.cwd == tmp_path
    assert {tmp_path / "tmp", tmp_path / "Snakefile"} <= set(tmp_path.iterdir())
    assert run.environ["TMPDIR"] == str(tmp_path / "tmp")
    assert run.environ["XDG_CACHE_HOME"].startswith(str(tmp_path))
