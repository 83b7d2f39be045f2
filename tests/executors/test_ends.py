"""The file that tells how steps ended whose orchestrator had died, and who keeps them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from orchestra.executors.ends import ENDS, RecordedEnd, add_end, read_ends
from orchestra.executors.sentry import keepers, stand_guard

GOOD = RecordedEnd(7, 1.5, 256, 0.25, 4096, 1e9, "a", 1)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    add_end(str(tmp_path), GOOD)
    assert read_ends(str(tmp_path)) == [GOOD]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'[1,1.0,0,0.0,0,"a",1]',
        b'[1e999,1.0,0,0.0,0,"a",1,false]',
        b'[7,1.0,99999999999999999999,0.0,0,"a",1,false]',
        b'[7,1.0,-1,0.0,0,"a",1,false]',
        b'[7,1.0,127,0.0,0,"a",1,false]',
        b'[7,1.0,4991,0.0,0,"a",1,false]',
        b'[7,1.0,65535,0.0,0,"a",1,false]',
        b'[7,1.0,0,NaN,0,"a",1,false]',
        b'[7,1.0,0,1e999,0,"a",1,false]',
        b'[7,1.0,0,0.0,-1,"a",1,false]',
        b"[" * 100_000,
    ],
)
def test_a_line_that_tells_of_no_end_is_passed_over(tmp_path: Path, line: bytes) -> None:
    (tmp_path / ENDS).write_bytes(line + b"\n")
    add_end(str(tmp_path), GOOD)
    assert read_ends(str(tmp_path)) == [GOOD]


def test_a_keeper_is_who_has_the_file_open_not_who_has_its_number(tmp_path: Path) -> None:
    guard = stand_guard(str(tmp_path))
    assert guard is not None
    other = subprocess.Popen(["sleep", "60"])
    try:
        with (tmp_path / "keeper").open("a") as file:
            file.write("%d\n" % other.pid)
        assert keepers(str(tmp_path)) == {os.getpid()}
    finally:
        other.kill()
        other.wait()
        os.close(guard)
    assert keepers(str(tmp_path)) == frozenset()
