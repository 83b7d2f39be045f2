"""A program is looked for where it may be, and is asked whether it is the one that is meant."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.benchmarks.programs import Installed, find


def program(path: Path, says: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\necho '%s'\n" % says)
    path.chmod(0o755)
    return path


def test_what_is_on_path_goes_before_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    own = program(tmp_path / "bin/make", "GNU Make 4.3")
    cached = program(tmp_path / "cache/debian/usr/bin/make", "GNU Make 4.4.1")
    assert find("make", tmp_path / "cache") == Installed(own, "4.3")
    own.unlink()
    assert find("make", tmp_path / "cache") == Installed(cached, "4.4.1")


def test_another_program_of_the_same_name_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    program(tmp_path / "bin/parallel", "parallel of moreutils")
    program(tmp_path / "bin/task", "3.4.1")
    assert [find(name, tmp_path / "cache") for name in ("parallel", "go-task")] == [None, None]


def test_a_plugin_is_there_when_its_package_is_beside_the_program(tmp_path):
    folder = tmp_path / ("python%d.%d" % sys.version_info[:2]) / "bin"
    own = program(folder / "snakemake", "9.0.0")
    python = program(folder / "python", "2.8.0")
    assert find("snakemake-slurm", tmp_path) == Installed(own, "2.8.0")
    python.write_text("#!/bin/sh\nexit 1\n")
    assert find("snakemake-slurm", tmp_path) is None
