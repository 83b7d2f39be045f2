from __future__ import annotations

import errno
import os
import select
import threading
import tty
from typing import Iterator, List, Tuple

import pytest

from orchestra.subscribers.writer import ScreenWriter, lost_note, write_some

BOUND_S = 20.0


@pytest.fixture
def pipe() -> Iterator[Tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for descriptor in (reader, writer):
        try:
            os.close(descriptor)
        except OSError:
            continue


def drained(reader: int, writer: ScreenWriter, end: int) -> bytes:
    """Everything that comes out of the pipe until its writing end is closed."""
    found: List[bytes] = []

    def read() -> None:
        while True:
            data = os.read(reader, 65536)
            if not data:
                return
            found.append(data)

    thread = threading.Thread(target=read)
    thread.start()
    writer.close(BOUND_S)
    os.close(end)
    thread.join(BOUND_S)
    return b"".join(found)


def test_texts_are_written_in_order(pipe: Tuple[int, int]) -> None:
    writer = ScreenWriter(pipe[1])
    writer.write("one\n")
    writer.write("zwölf\n", keep=True)
    writer.write("three\n")
    assert drained(pipe[0], writer, pipe[1]) == "one\nzwölf\nthree\n".encode()
    assert writer.idle()
    assert not writer.gave_up
    assert writer.fault is None


def test_nothing_written_is_nothing_to_close(pipe: Tuple[int, int]) -> None:
    writer = ScreenWriter(pipe[1])
    writer.close()
    assert writer.idle()


def test_a_reader_that_does_not_read_never_holds_up_who_writes(pipe: Tuple[int, int]) -> None:
    writer = ScreenWriter(pipe[1], limit=200_000)
    for _ in range(2000):
        writer.write("x" * 999 + "\n")
    assert not writer.idle()
    select.select([pipe[0]], [], [], BOUND_S)
    writer.close(patience_s=0.2)
    assert writer.fault is None
    os.set_blocking(pipe[0], False)
    assert set(os.read(pipe[0], 1_000_000)) == set(b"x\n")


def test_beyond_the_limit_whole_texts_are_left_out_and_counted(pipe: Tuple[int, int]) -> None:
    writer = ScreenWriter(pipe[1], limit=200_005)
    writer.write("a" * 200_000 + "\n")
    writer.write("b" * 200_000 + "\n")
    writer.write("c" * 200_000 + "\n")
    writer.write("the summary\n", keep=True)
    expected = "a" * 200_000 + "\n" + lost_note(2) + "the summary\n"
    assert drained(pipe[0], writer, pipe[1]).decode() == expected


def test_what_was_left_out_last_is_told_when_the_reader_has_caught_up(
    pipe: Tuple[int, int],
) -> None:
    writer = ScreenWriter(pipe[1], limit=1000, note=lambda count: "lost %d\n" % count)
    writer.write("a" * 200_000 + "\n")
    writer.write("b\n" * 600)
    assert drained(pipe[0], writer, pipe[1]).decode() == "a" * 200_000 + "\nlost 1\n"


def test_one_text_larger_than_the_limit_is_written_when_nothing_waits(
    pipe: Tuple[int, int],
) -> None:
    writer = ScreenWriter(pipe[1], limit=10)
    writer.write("a" * 100 + "\n")
    assert drained(pipe[0], writer, pipe[1]) == b"a" * 100 + b"\n"


def test_a_reader_that_is_gone_is_remembered_and_no_more_is_written(
    pipe: Tuple[int, int],
) -> None:
    os.close(pipe[0])
    writer = ScreenWriter(pipe[1])
    writer.write("nobody\n")
    writer.close(BOUND_S)
    writer.write("nobody\n", keep=True)
    assert writer.fault is not None
    assert writer.fault.errno == errno.EPIPE
    assert writer.idle()


def test_a_full_disk_is_remembered() -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    writer = ScreenWriter(descriptor)
    writer.write("anything\n")
    writer.close(BOUND_S)
    os.close(descriptor)
    assert writer.fault is not None
    assert writer.fault.errno == errno.ENOSPC


def test_a_closed_descriptor_is_remembered(pipe: Tuple[int, int]) -> None:
    os.close(pipe[1])
    writer = ScreenWriter(pipe[1])
    writer.write("anything\n")
    writer.close(BOUND_S)
    assert writer.fault is not None
    assert writer.fault.errno == errno.EBADF


def test_a_terminal_made_non_blocking_by_another_loses_nothing(pipe: Tuple[int, int]) -> None:
    os.set_blocking(pipe[1], False)
    writer = ScreenWriter(pipe[1])
    writer.write("x" * 300_000)
    assert drained(pipe[0], writer, pipe[1]) == b"x" * 300_000


def test_a_terminal_that_takes_a_part_gets_the_rest_later() -> None:
    master, terminal = os.openpty()
    tty.setraw(terminal)
    os.set_blocking(terminal, False)
    writer = ScreenWriter(terminal, gather_s=0)
    text = "".join("%07d\n" % number for number in range(20_000))
    writer.write(text)
    found = b""
    while len(found) < len(text):
        found += os.read(master, 65536)
    writer.close(BOUND_S)
    os.close(master)
    os.close(terminal)
    assert found.decode() == text


def test_no_room_just_now_is_no_fault(pipe: Tuple[int, int]) -> None:
    os.set_blocking(pipe[1], False)
    os.write(pipe[1], b"x" * 10_000_000)
    assert write_some(pipe[1], memoryview(b"x" * 4096)) == 0


def test_what_an_encoding_does_not_know_is_spelled_out(pipe: Tuple[int, int]) -> None:
    writer = ScreenWriter(pipe[1], encoding="ascii")
    writer.write("東 \ud83d\n")
    assert drained(pipe[0], writer, pipe[1]) == b"\\u6771 \\ud83d\n"


def test_a_terminal_that_is_closed_is_remembered() -> None:
    master, terminal = os.openpty()
    os.close(master)
    writer = ScreenWriter(terminal, gather_s=0)
    writer.write("nobody\n")
    writer.close(BOUND_S)
    os.close(terminal)
    assert writer.fault is not None
    assert writer.fault.errno == errno.EIO


def test_a_terminal_that_takes_nothing_holds_up_nobody() -> None:
    master, terminal = os.openpty()
    writer = ScreenWriter(terminal, gather_s=0)
    writer.write("x" * 1_000_000)
    writer.close(patience_s=0.2)
    assert writer.fault is None
    assert writer.gave_up
    os.close(master)
    os.close(terminal)
