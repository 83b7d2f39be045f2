from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestra.model.masking import Masker, Needles
from orchestra.steps.summaries import LARGEST_BYTES, keep_summary

FOREIGN = "the summary was replaced by something that is no file of its own"


def test_most_attempts_write_none(tmp_path: Path) -> None:
    assert keep_summary(str(tmp_path / "none.md")) == (0, "")


def test_a_summary_is_kept_as_it_is_and_private(tmp_path: Path) -> None:
    path = tmp_path / "s.md"
    path.write_bytes(b"# h\n\xff")
    path.chmod(0o666)

    assert keep_summary(str(path)) == (5, "")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"# h\n\xff", 0o600)


@pytest.mark.parametrize("spare", range(5))
@pytest.mark.parametrize("letter", ["x", "é", "€", "\U0001f600"])
def test_what_is_too_large_is_cut_between_characters(
    tmp_path: Path, letter: str, spare: int
) -> None:
    path = tmp_path / "s.md"
    text = "y" * (LARGEST_BYTES - 7 + spare) + letter * 8
    path.write_text(text, "utf-8")

    size, note = keep_summary(str(path))

    assert note == "the summary has %d bytes and was cut at 1 MiB" % len(text.encode())
    assert LARGEST_BYTES - 4 < size <= LARGEST_BYTES
    assert path.stat().st_size == size
    assert text.startswith(path.read_text("utf-8"))


def test_a_summary_of_exactly_the_limit_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "s.md"
    path.write_bytes(b"x" * LARGEST_BYTES)

    assert keep_summary(str(path)) == (LARGEST_BYTES, "")


def test_bytes_that_are_no_text_are_cut_too(tmp_path: Path) -> None:
    path = tmp_path / "s.md"
    path.write_bytes(b"\x80" * (LARGEST_BYTES + 1))

    assert keep_summary(str(path)).size == LARGEST_BYTES


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("x" * 10)
    os.symlink("other", tmp_path / "s.md")

    size, note = keep_summary(str(tmp_path / "s.md"))

    assert (size, note.startswith("the summary cannot be read: ")) == (0, True)


def test_a_second_name_of_another_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"x" * (LARGEST_BYTES + 1))
    os.link(tmp_path / "other", tmp_path / "s.md")

    assert keep_summary(str(tmp_path / "s.md")) == (0, FOREIGN)
    assert (tmp_path / "other").stat().st_size == LARGEST_BYTES + 1


def test_a_fifo_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "s.md")

    assert keep_summary(str(tmp_path / "s.md")) == (0, FOREIGN)


def masker() -> Masker:
    return Masker([Needles(b"hunter", (b"hunter2 and more",))])


def test_a_secret_in_a_summary_is_masked(tmp_path: Path) -> None:
    path = tmp_path / "s.md"
    path.write_bytes(b"# it is hunter2 and more\n")

    size, note = keep_summary(str(path), masker())

    assert (path.read_bytes(), size, note) == (b"# it is ***\n", 12, "")


@pytest.mark.parametrize("shift", [0, 5, 2**19 - 3, 2**19 + 1])
def test_a_secret_that_is_cut_is_not_kept_in_part(tmp_path: Path, shift: int) -> None:
    path = tmp_path / "s.md"
    path.write_bytes(b"x" * (LARGEST_BYTES - 10 + shift) + b"hunter2 and more" + b"y" * 2**20)

    size, _ = keep_summary(str(path), masker())

    assert b"hunter" not in path.read_bytes()
    assert path.stat().st_size == size <= LARGEST_BYTES
