"""What two processes tell each other by memory that they share."""

from __future__ import annotations

import os

from orchestra.executors.board import NO_SLOT, NOT_YET, SLOTS, Board, Posted


def test_another_process_reads_what_one_wrote_that_has_died() -> None:
    board = Board()
    child = os.fork()
    if not child:
        place = board.launching("a\udcff[x=é]", 2, 5.0)
        board.launched(place, 77, 5.25)
        board.launched(board.launching("b", 1, 5.0), 78, 5.5)
        board.not_launched(board.launching("c", 1, 6.0))
        board.launching("d", 1, 7.0)
        board.ended(place, 3 << 8, 0.5, 4096, True)
        os._exit(0)
    os.waitpid(child, 0)

    assert board.read() == [
        Posted(77, 5.25, "a\udcff[x=é]", 2, True, 768, 0.5, 4096, True),
        Posted(78, 5.5, "b", 1, False, 0, 0.0, 0, False),
        Posted(NOT_YET, 7.0, "d", 1, False, 0, 0.0, 0, False),
    ]


def test_those_that_were_started_last_are_known() -> None:
    board = Board()
    for number in range(SLOTS + 2):
        board.launched(board.launching("a", number, 0.0), 100 + number, 0.0)

    assert [each.number for each in board.read()][:3] == [SLOTS, SLOTS + 1, 2]


def test_an_id_that_is_too_long_has_no_place() -> None:
    board = Board()

    place = board.launching("a" * 600, 1, 0.0)
    board.launched(place, 77, 0.0)
    board.ended(place, 0, 0.0, 0, False)

    assert place == NO_SLOT
    assert board.read() == []
