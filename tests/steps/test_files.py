"""`glob` and `hash_files`."""

from __future__ import annotations

import pytest

from orchestra.model.expression import ExpressionError
from orchestra.steps.files import file_functions


@pytest.fixture
def functions(tmp_path):
    folder = tmp_path / "a [b]*"
    (folder / "data" / "deep").mkdir(parents=True)
    (folder / "data" / "b.csv").write_bytes(b"2")
    (folder / "data" / "a.csv").write_bytes(b"1")
    (folder / "data" / "deep" / "c.csv").write_bytes(b"3")
    return folder, file_functions(str(folder))


def test_glob_gives_sorted_paths_relative_to_the_folder(functions):
    _, names = functions
    assert names["glob"]("data/*.csv") == ["data/a.csv", "data/b.csv"]


def test_two_stars_cross_folders(functions):
    _, names = functions
    found = names["glob"]("data/**/*.csv")
    assert found == ["data/a.csv", "data/b.csv", "data/deep/c.csv"]


def test_an_absolute_pattern_gives_absolute_paths(functions):
    folder, names = functions
    pattern = str(folder / "data" / "a*").replace("[b]*", "?b??")
    assert names["glob"](pattern) == [str(folder / "data" / "a.csv")]


@pytest.mark.parametrize("pattern", [1, None, ["a"], "a\0b"])
def test_a_pattern_is_text(functions, pattern):
    _, names = functions
    with pytest.raises(ExpressionError):
        names["glob"](pattern)


def test_the_hash_changes_with_contents_and_with_names(functions):
    folder, names = functions
    before = names["hash_files"]("data/*.csv")
    (folder / "data" / "a.csv").write_bytes(b"other")
    changed = names["hash_files"]("data/*.csv")
    (folder / "data" / "a.csv").rename(folder / "data" / "z.csv")
    renamed = names["hash_files"]("data/*.csv")
    assert len({before, changed, renamed}) == 3
    assert len(before) == 32


def test_the_hash_does_not_depend_on_how_files_are_named_twice(functions):
    _, names = functions
    assert names["hash_files"]("data/*.csv", "data/a.csv") == names["hash_files"]("data/*.csv")
