"""Artifacts whose time is over go with the next run that begins."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from orchestra.model.events import ArtifactsKept, Envelope
from orchestra.model.run import KeptFile
from orchestra.store.directory import RunFolder, StateDirectory
from orchestra.store.sqlite import RunStore
from tests.store.story import BEGAN, opening

FILES = (KeptFile("artifacts/a/dist/x", 1, "00"), KeptFile("artifacts/a/y", 1, "00"))


@pytest.fixture
def store(tmp_path: Path):
    with closing(RunStore(StateDirectory(str(tmp_path / ".orchestra")))) as store:
        yield store


def keep(store: RunStore, keep_s) -> RunFolder:
    """A run that kept files of its step two seconds after it began."""
    journal = store.begin_run(BEGAN)
    for file in FILES:
        path = Path(journal.folder.path, file.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    journal.append(opening(journal.folder.run_id))
    journal.append([Envelope(4, BEGAN + 2.0, ArtifactsKept("a", 1, FILES, keep_s))])
    journal.close()
    return journal.folder


def test_they_are_removed_once_their_time_is_over(store: RunStore) -> None:
    folder = keep(store, 60.0)
    store.begin_run(BEGAN + 61.9).close()
    assert os.path.exists(folder.path + "/artifacts/a/dist/x")
    store.begin_run(BEGAN + 62.0).close()
    assert os.listdir(folder.path + "/artifacts") == []
    store.begin_run(BEGAN + 99.0).close()


def test_without_a_time_they_stay(store: RunStore) -> None:
    folder = keep(store, None)
    store.begin_run(BEGAN + 10**9).close()
    assert os.path.exists(folder.path + "/artifacts/a/dist/x")


def test_a_link_in_their_place_is_not_followed(store: RunStore, tmp_path: Path) -> None:
    folder = keep(store, 1.0)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/precious").touch()
    os.rename(folder.path + "/artifacts/a", str(tmp_path / "moved"))
    os.symlink(str(tmp_path / "mine"), folder.path + "/artifacts/a")
    store.begin_run(BEGAN + 9.0).close()
    assert (tmp_path / "mine/precious").exists()
    os.unlink(folder.path + "/artifacts/a")
    os.rmdir(folder.path + "/artifacts")
    (tmp_path / "mine/a").mkdir()
    os.symlink(str(tmp_path / "mine"), folder.path + "/artifacts")
    store.begin_run(BEGAN + 9.0).close()
    assert (tmp_path / "mine/a").exists()
