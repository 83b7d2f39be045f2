from __future__ import annotations

import os
import resource
import stat
from pathlib import Path

import pytest

from orchestra.reports.report_file import append_text, write_report


def test_a_report_replaces_the_old_one_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    write_report(str(path), "né \ud83d\n")
    assert path.read_bytes() == "né \\ud83d\n".encode()
    assert os.listdir(tmp_path) == ["report.json"]


def test_a_report_has_the_rights_that_the_umask_leaves(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    mask = os.umask(0o027)
    try:
        write_report(str(path), "x")
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_is_followed_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "target.json"
    link = tmp_path / "link.json"
    link.symlink_to(target)
    write_report(str(link), "x")
    assert link.is_symlink()
    assert target.read_text() == "x"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing/report.json", "its folder is not there"),
        ("", "it is a folder"),
        ("pipe", "nobody reads from it"),
        ("pipe/report.json", "a part of its path is a file"),
    ],
)
def test_what_cannot_be_written_is_an_os_error_that_names_what_was_given(
    tmp_path: Path, name: str, words: str
) -> None:
    os.mkfifo(str(tmp_path / "pipe"))
    with pytest.raises(OSError, match=words) as caught:
        write_report(str(tmp_path / name), "x")
    assert (caught.value.strerror, caught.value.filename) == (words, str(tmp_path / name))
    assert os.listdir(tmp_path) == ["pipe"]


def test_a_write_that_fails_halfway_leaves_the_old_report_alone(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_report(str(path), "x" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["report.json"]


def test_a_pipe_is_written_to_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    write_report(str(path), "through\n")
    assert os.read(reader, 100) == b"through\n"
    os.close(reader)
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_a_device_is_written_to_not_replaced() -> None:
    with pytest.raises(OSError, match=r"No space left .*: '/dev/full'"):
        write_report("/dev/full", "x")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


def test_a_step_summary_is_added_to_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    append_text(str(path), "né \ud83d\n")
    assert path.read_bytes() == "before\nné \\ud83d\n".encode()


def test_a_step_summary_is_not_waited_for_where_nobody_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(OSError, match="No such device or address"):
        append_text(str(path), "x")
