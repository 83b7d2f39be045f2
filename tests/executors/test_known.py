"""Which executors there are, by name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orchestra.executors.known import (
    BrokenExecutor,
    Opening,
    UnknownExecutor,
    find_executor,
)
from orchestra.model.executor_names import known_executors


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that brings two executors."""
    folder = tmp_path / "grid-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: grid\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(
        "[orchestra.executors]\n"
        "grid = tests.executors.process_place:open_place\n"
        "broken = no_such_module_at_all:open_place\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])


def test_own_executors_are_known_without_loading_them() -> None:
    assert find_executor("slurm") == Opening("slurm", "orchestra.executors.slurm")
    assert find_executor("dask") == Opening("dask", "orchestra.executors.dask")


@pytest.mark.usefixtures("installed")
def test_packages_bring_others_with_their_settings() -> None:
    grid = find_executor("grid")

    assert grid == Opening("grid", "tests.executors.process_place", "open_place")
    assert (grid.settings_schema() or {})["additionalProperties"] is False
    assert grid.open_place()({"slots": 1}, "run").period_s() > 0
    assert list(known_executors()) == ["local", "slurm", "dask", "broken", "grid"]


@pytest.mark.usefixtures("installed")
def test_code_that_cannot_be_loaded_is_named_with_the_reason() -> None:
    with pytest.raises(BrokenExecutor, match="no_such_module_at_all"):
        find_executor("broken").open_place()


def test_a_module_that_opens_nothing_is_named() -> None:
    with pytest.raises(BrokenExecutor, match="json has no open_place"):
        Opening("x", "json").open_place()


def test_an_unknown_name_gives_the_nearest_one() -> None:
    with pytest.raises(UnknownExecutor) as caught:
        find_executor("slrum")

    assert (caught.value.name, caught.value.hint) == ("slrum", "slurm")
