"""Reading the file itself: only a regular one, and only up to a size."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from orchestra.errors import UsageError
from orchestra.spec.files import MAX_BYTES, read_file


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a\nb é.yaml"
    path.write_bytes(b"\x00\xff" * 70_000)
    assert read_file(str(path)) == b"\x00\xff" * 70_000


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "b").symlink_to("a")
    assert read_file(str(tmp_path / "b")) == b"x"


def _refusal(path: str) -> str:
    with pytest.raises(UsageError) as caught:
        read_file(path)
    return caught.value.message.replace(path, "IT")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert _refusal(str(tmp_path / "a")) == "cannot read IT: No such file or directory"


def test_a_directory_is_refused(tmp_path: Path) -> None:
    assert _refusal(str(tmp_path)) == "cannot read IT: it is a directory, not a file"


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(str(tmp_path / "p"))
    assert _refusal(str(tmp_path / "p")) == "cannot read IT: it is a pipe, not a file"


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/dev/tty"])
def test_a_device_is_refused(path: str) -> None:
    assert _refusal(path) == "cannot read IT: it is a device, not a file"


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("listening")
        assert _refusal("listening") == "cannot read IT: it is a socket, not a file"


def test_a_circle_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("a")
    assert _refusal(str(tmp_path / "a")).startswith("cannot read IT: ")


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000, "/etc/passwd/x", ""])
def test_a_path_that_cannot_be_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        read_file(path)


@pytest.mark.parametrize(("extra", "is_refused"), [(0, False), (1, True)])
def test_a_file_is_read_up_to_the_limit(tmp_path: Path, extra: int, is_refused: bool) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + extra)
    try:
        outcome = len(read_file(str(path))) != MAX_BYTES
    except UsageError:
        outcome = True
    assert outcome == is_refused
