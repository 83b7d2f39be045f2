"""The executors that there are, those of other packages among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestra.model.executor_names import is_executor, known_executors


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that brings the executor `kube`, and takes a name that is orchestra's."""
    info = tmp_path / "kube-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: kube\nVersion: 1.0\n")
    points = ["[orchestra.executors]", "kube = k:open_place", "slurm = k:open_place"]
    points += ["[other]", "x = x", ""]
    (info / "entry_points.txt").write_text("\n".join(points))
    monkeypatch.syspath_prepend(str(tmp_path))


def test_orchestra_has_its_own() -> None:
    assert known_executors()[:3] == ("local", "slurm", "dask")
    assert (is_executor("dask"), is_executor("kube")) == (True, False)


def test_a_package_that_is_installed_adds_one(package: None) -> None:
    assert known_executors() == ("local", "slurm", "dask", "kube")
    assert is_executor("kube")
