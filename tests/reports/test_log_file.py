from __future__ import annotations

import os
from pathlib import Path
from typing import Callable

import pytest

from orchestra.model.log_excerpt import LogExcerpt
from orchestra.reports.log_file import LogFolder


def test_a_small_log_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"one\ntwo\xff")
    excerpt = LogFolder(str(tmp_path)).read("a.log", 4, 4)
    assert excerpt == LogExcerpt(str(tmp_path / "a.log"), ("one", "two\\xff"))


def test_of_a_big_log_only_its_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with path.open("wb") as file:
        file.write(b"first\nsecond\n")
        file.seek(50 * 1024**3)
        file.write(b"\nlast\n")
    excerpt = LogFolder(str(tmp_path)).read("a.log", 8, 8)
    assert excerpt == LogExcerpt(str(path), ("first",), 50 * 1024**3 - 5, ("last",))


@pytest.mark.parametrize(
    ("plant", "problem"),
    [
        (lambda path: None, "No such file or directory"),
        (os.mkfifo, "it is no regular file"),
        (os.mkdir, "it is no regular file"),
        (lambda path: os.symlink("/etc/passwd", path), "Too many levels of symbolic links"),
    ],
)
def test_what_is_no_log_is_told_and_not_read(
    tmp_path: Path, plant: Callable[[str], None], problem: str
) -> None:
    plant(str(tmp_path / "a.log"))
    excerpt = LogFolder(str(tmp_path)).read("a.log", 8, 8)
    assert excerpt == LogExcerpt(str(tmp_path / "a.log"), problem=problem)


def test_a_path_is_absolute() -> None:
    assert LogFolder("/runs/r1").path("logs/a.1.log") == "/runs/r1/logs/a.1.log"
