"""What two processes tell each other by memory that they share."""

from __future__ import annotations

import os

from orchestra.executors.board import NO_SLOT, SLOTS, Board, Posted


def test_another_process_reads_what_one_wrote_that_has_died() -> None:
    board = Board()
    child = os.fork()
    if not child:
        place = board.launched("a\udcff[x=é]", 2, 77, 5.25)
        board.launched("b", 1, 78, 5.5)
        board.ended(place, 3 << 8, 0.5, 4096, True)
        os._exit(0)
    os.waitpid(child, 0)

    assert board.read() == [
        Posted(77, 5.25, "a\udcff[x=é]", 2, True, 768, 0.5, 4096, True),
        Posted(78, 5.5, "b", 1, False, 0, 0.0, 0, False),
    ]


def test_those_that_were_started_last_are_known() -> None:
    board = Board()
    for number in range(SLOTS + 2):
        board.launched("a", number, 100 + number, 0.0)

    assert [each.number for each in board.read()][:3] == [SLOTS, SLOTS + 1, 2]


def test_an_id_that_is_too_long_has_no_place() -> None:
    board = Board()

    assert board.launched("a" * 600, 1, 77, 0.0) == NO_SLOT
    assert board.read() == []
