"""Which files a path, a folder or a pattern means."""

from __future__ import annotations

import os

import pytest

from orchestra.steps.patterns import FileFinder

FILES = (
    "a.csv",
    "b.txt",
    ".hidden",
    "data/one.csv",
    "data/two.csv",
    "data/deep/three.csv",
    "data/.git/config",
    "data/[odd].csv",
    ".orchestra/runs.db",
)


def files_of(folder, pattern):
    """What a search gives, one after the other."""
    return FileFinder().files_of(folder, pattern)


DATA = [
    "data/.git/config",
    "data/[odd].csv",
    "data/deep/three.csv",
    "data/one.csv",
    "data/two.csv",
]


@pytest.fixture
def folder(tmp_path):
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "empty").mkdir()
    (tmp_path / "link.csv").symlink_to("a.csv")
    (tmp_path / "broken").symlink_to("nowhere")
    (tmp_path / "data/loop").symlink_to(".")
    os.mkfifo(str(tmp_path / "pipe"))
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a.csv", ["a.csv"]),
        ("./a.csv", ["a.csv"]),
        ("data/../a.csv", ["data/../a.csv"]),
        ("nothing", []),
        ("broken", []),
        ("pipe", []),
        ("empty", []),
        ("a.csv/x", []),
        ("*.csv", ["a.csv", "link.csv"]),
        ("[ab].*", ["a.csv", "b.txt"]),
        ("data/?[!w]*.csv", ["data/[odd].csv", "data/one.csv"]),
        ("*", ["a.csv", "b.txt", *DATA, "link.csv"]),
        (".h*", [".hidden"]),
        ("**/*.csv", ["a.csv", *DATA[1:], "link.csv"]),
        ("data/**/three.csv", ["data/deep/three.csv"]),
        ("data/**", DATA[1:]),
        ("data", DATA),
        ("*/deep", ["data/deep/three.csv"]),
        (".orchestra/runs.db", [".orchestra/runs.db"]),
    ],
)
def test_a_pattern_means_these_files(folder, pattern, names):
    assert sorted(set(files_of(str(folder), pattern)) - {None}) == names


def test_a_folder_means_all_in_it_but_the_record_of_orchestra(folder):
    found = set(files_of(str(folder), "."))
    assert found == {*FILES, "link.csv"} - {".orchestra/runs.db"}


def test_an_absolute_pattern_starts_at_the_root(folder):
    assert list(files_of("/nowhere", "%s/a.*" % folder)) == ["%s/a.csv" % folder]


def test_a_long_search_pauses_though_it_finds_nothing(tmp_path):
    for number in range(450):
        (tmp_path / str(number)).touch()
    assert list(files_of(str(tmp_path), "*.csv")) == [None, None]


def found_by(folder, pattern):
    return sorted(set(files_of(str(folder), pattern)) - {None})


def test_links_to_folders_are_followed_but_not_in_circles(tmp_path):
    for name in ("one/a.csv", "one/deep/b.csv", "two/c.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "one/other").symlink_to("../two")
    (tmp_path / "two/back").symlink_to("../one")
    (tmp_path / "one/self").symlink_to("self")
    found = ["one/a.csv", "one/deep/b.csv", "one/other/c.csv"]
    assert found_by(tmp_path, "one") == found
    assert found_by(tmp_path, "one/**") == found


def test_the_record_in_use_and_what_python_compiles_are_passed_over(tmp_path):
    for name in ("a.py", "__pycache__/a.pyc", "state/runs.db", "sub/state/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    finder = FileFinder(str(tmp_path / "state"))
    assert sorted(set(finder.files_of(str(tmp_path), "."))) == ["a.py", "sub/state/x"]
    assert sorted(set(finder.files_of(str(tmp_path), "**"))) == ["a.py", "sub/state/x"]
    assert list(finder.files_of(str(tmp_path), "state/*")) == ["state/runs.db"]


def test_a_folder_that_cannot_be_looked_into_is_told(tmp_path, monkeypatch):
    (tmp_path / "in/closed").mkdir(parents=True)
    scan = os.scandir

    def closed(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(PermissionError):
        list(files_of(str(tmp_path), "in"))
