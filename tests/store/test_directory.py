from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Dict

import pytest

from orchestra.errors import ExitCode, StoreError, UsageError
from orchestra.store.directory import StateDirectory, locate
from tests.store.story import BEGAN


def modes(folder: str) -> Dict[str, int]:
    """The permissions of everything below a folder, by name relative to it."""
    return {
        os.path.relpath(os.path.join(where, name), folder): stat.S_IMODE(
            os.lstat(os.path.join(where, name)).st_mode
        )
        for where, folders, files in os.walk(folder)
        for name in (*folders, *files)
    }


def test_a_named_directory_wins_over_the_one_beside_the_workflow(tmp_path: Path) -> None:
    assert locate("there", "sub/flow.yaml", str(tmp_path)) == StateDirectory(
        str(tmp_path / "there"), is_named=True
    )


def test_the_directory_of_a_workflow_is_beside_its_file(tmp_path: Path) -> None:
    assert locate(None, "sub/flow.yaml", str(tmp_path)).path == str(tmp_path / "sub/.orchestra")


def test_without_a_workflow_the_nearest_directory_above_is_used(tmp_path: Path) -> None:
    (tmp_path / ".orchestra").mkdir()
    (tmp_path / "sub/deeper").mkdir(parents=True)

    assert locate("", None, str(tmp_path / "sub/deeper")).path == str(tmp_path / ".orchestra")


def test_no_directory_here_or_above_is_a_fault_of_the_command_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        locate(None, None, str(tmp_path))

    assert caught.value.message == "there is no record of runs here"


def test_a_link_that_nobody_named_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".orchestra").symlink_to("elsewhere")

    with pytest.raises(StoreError) as caught:
        locate(None, "flow.yaml", str(tmp_path))

    assert (caught.value.exit_code, caught.value.message) == (
        ExitCode.BROKEN,
        "it is a symbolic link",
    )


def test_a_link_that_was_named_is_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to("elsewhere")

    locate("link", None, str(tmp_path)).create()

    assert sorted(os.listdir(tmp_path / "elsewhere")) == [".gitignore", "runs"]


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_all_that_is_made_is_private_whatever_the_umask(state: StateDirectory, umask: int) -> None:
    before = os.umask(umask)
    try:
        state.create()
        folder = state.new_run(BEGAN)
    finally:
        os.umask(before)

    run = "runs/" + folder.run_id
    assert stat.S_IMODE(os.stat(state.path).st_mode) == 0o700
    assert modes(state.path) == {
        ".gitignore": 0o600,
        "runs": 0o700,
        run: 0o700,
        run + "/logs": 0o700,
        run + "/outputs": 0o700,
        run + "/private": 0o700,
    }
    assert Path(state.path, ".gitignore").read_text() == "*\n"


def test_creating_twice_changes_nothing(state: StateDirectory) -> None:
    state.create()
    Path(state.path, ".gitignore").write_text("mine\n")

    state.create()

    assert Path(state.path, ".gitignore").read_text() == "mine\n"


def test_a_named_folder_with_other_files_in_it_is_not_hidden_from_git(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("x")

    StateDirectory(str(tmp_path), is_named=True).create()

    assert sorted(os.listdir(tmp_path)) == ["precious.txt", "runs"]


def test_a_directory_others_may_write_to_is_doubted(state: StateDirectory) -> None:
    state.create()
    os.chmod(state.path, 0o770)

    assert state.doubts() == ["others may write to %s; chmod go-w it" % state.path]


def test_a_private_directory_is_not_doubted(state: StateDirectory) -> None:
    state.create()

    assert state.doubts() == []


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("file", "it is not a folder"),
        ("file/state", "it is not a folder"),
        ("missing/state", "the folder it belongs in does not exist"),
        ("x" * 300, "its path is too long"),
        ("y" * 200 + ("/" + "y" * 200) * 25, "its path is too long"),
    ],
)
def test_a_place_for_no_directory_is_refused(tmp_path: Path, path: str, message: str) -> None:
    (tmp_path / "file").write_text("x")

    with pytest.raises(StoreError) as caught:
        StateDirectory(str(tmp_path / path), is_named=True).create()

    assert caught.value.message == message


def test_a_place_without_permission_is_refused(ordinary_user: Path) -> None:
    ordinary_user.chmod(0o500)

    with pytest.raises(StoreError) as caught:
        StateDirectory(str(ordinary_user / ".orchestra")).create()

    assert (caught.value.message, caught.value.hint) == (
        "there is no permission",
        "name another folder with --state-dir",
    )


@pytest.mark.parametrize("name", ["runs", "runs.db", "runs.db-wal", "runs.db-shm", "runs.lock"])
def test_a_link_planted_in_the_directory_is_refused(
    state: StateDirectory, tmp_path: Path, name: str
) -> None:
    (tmp_path / "outside").write_text("theirs")
    os.mkdir(state.path)
    os.symlink(str(tmp_path / "outside"), os.path.join(state.path, name))

    with pytest.raises(StoreError) as caught:
        state.create()

    assert caught.value.path == os.path.join(state.path, name)
    assert (tmp_path / "outside").read_text() == "theirs"


def test_a_hard_link_planted_as_the_database_is_refused(
    state: StateDirectory, tmp_path: Path
) -> None:
    (tmp_path / "outside").write_text("theirs")
    os.mkdir(state.path)
    os.link(str(tmp_path / "outside"), state.database)

    with pytest.raises(StoreError) as caught:
        state.create()

    assert caught.value.message == "it is not a plain file of its own"


@pytest.mark.parametrize("name", ["runs.db", "runs.db-wal", "runs.lock"])
def test_a_fifo_planted_in_the_directory_is_refused(state: StateDirectory, name: str) -> None:
    os.mkdir(state.path)
    os.mkfifo(os.path.join(state.path, name))

    with pytest.raises(StoreError) as caught:
        state.create()

    assert caught.value.message == "it is not a plain file of its own"


def test_a_run_is_named_after_the_time_it_began_in_utc(state: StateDirectory) -> None:
    state.create()

    folder = state.new_run(BEGAN)

    assert folder.run_id == "20261122-110846-8000"
    assert folder.path == state.path + "/runs/20261122-110846-8000"


def test_run_ids_sort_by_time_within_a_second(state: StateDirectory) -> None:
    state.create()

    ids = [state.new_run(BEGAN + tenth / 10).run_id for tenth in range(12)]

    assert ids == sorted(ids)


def test_a_name_that_is_taken_makes_way_for_the_next(state: StateDirectory) -> None:
    state.create()

    ids = [state.new_run(BEGAN + 0.49999).run_id for _ in range(3)]

    assert ids == ["20261122-110846-ffff", "20261122-110847-0000", "20261122-110847-0001"]
    assert state.run_ids() == ids


@pytest.mark.parametrize("now", [0.0, 4_102_444_800.25])
def test_a_clock_far_off_makes_a_run_id_all_the_same(state: StateDirectory, now: float) -> None:
    state.create()

    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{4}", state.new_run(now).run_id)
