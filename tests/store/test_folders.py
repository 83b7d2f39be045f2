from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import List

import pytest

from orchestra.store import folders


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files at three depths, beside one that is not to be touched."""
    for name in ("doomed/a/b/x", "doomed/a/x", "doomed/0/x", "doomed/x", "mine/precious"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(5000))
    return tmp_path / "doomed"


def nest(path: Path, depth: int) -> None:
    """Make folders in one another, far beyond what a path can name."""
    at = os.open(path, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("inner", dir_fd=at)
        below = os.open("inner", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(os.open("x", os.O_WRONLY | os.O_CREAT, dir_fd=at))
    os.close(at)


def all_in(path: Path) -> List[str]:
    return sorted(str(each.relative_to(path)) for each in path.rglob("*"))


def test_all_that_is_in_a_folder_goes_and_the_folder_stays(folder: Path) -> None:
    folders.empty(str(folder))

    assert all_in(folder.parent) == ["doomed", "mine", "mine/precious"]


def test_links_go_and_what_they_lead_to_stays(folder: Path) -> None:
    os.symlink(str(folder.parent / "mine"), str(folder / "a/folder"))
    os.symlink(str(folder.parent / "mine/precious"), str(folder / "a/file"))
    os.symlink("nowhere", str(folder / "dangling"))
    os.mkfifo(str(folder / "fifo"))

    folders.empty(str(folder))

    assert all_in(folder.parent) == ["doomed", "mine", "mine/precious"]


def test_a_link_in_place_of_the_folder_is_not_followed(folder: Path) -> None:
    link = folder.parent / "link"
    os.symlink(str(folder), str(link))

    folders.empty(str(link))
    size = folders.size_of(str(link))
    folders.drop(str(link))

    assert (size, link.is_symlink(), (folder / "x").exists()) == (0, False, True)


def test_no_depth_is_too_deep(folder: Path) -> None:
    nest(folder, 3000)

    folders.empty(str(folder))

    assert os.listdir(str(folder)) == []


def test_folders_that_their_owner_closed_are_emptied(ordinary_user: Path) -> None:
    (ordinary_user / "doomed/closed/inner").mkdir(parents=True)
    (ordinary_user / "doomed/closed/inner/x").touch()
    os.chmod(ordinary_user / "doomed/closed/inner", 0)
    os.chmod(ordinary_user / "doomed/closed", 0o500)

    folders.empty(str(ordinary_user / "doomed"))

    assert os.listdir(ordinary_user / "doomed") == []


def test_what_is_mounted_in_it_stays_and_the_rest_goes(folder: Path) -> None:
    mount = ["mount", "--bind", str(folder.parent / "mine"), str(folder / "a")]
    if subprocess.run(mount, stderr=subprocess.DEVNULL, check=False).returncode != 0:
        pytest.skip("nothing can be mounted here")

    with pytest.raises(OSError, match="busy"):
        folders.empty(str(folder))

    left = all_in(folder)
    subprocess.run(["umount", "-l", str(folder / "a")], check=True)
    assert left == ["a", "a/precious"]


def test_the_size_of_a_folder_is_what_it_takes_on_disk(folder: Path) -> None:
    before = folders.size_of(str(folder))
    os.link(str(folder.parent / "mine/precious"), str(folder / "shared"))
    os.symlink(str(folder.parent / "mine"), str(folder / "link"))
    with (folder / "sparse").open("wb") as file:
        file.truncate(10**9)

    assert 4 * 5000 <= before < 100_000
    assert folders.size_of(str(folder)) - before < 100_000


def test_where_there_is_no_folder_there_is_nothing_to_do(folder: Path) -> None:
    folders.empty(str(folder / "missing"))

    assert folders.size_of(str(folder / "missing")) == 0
