from __future__ import annotations

import pytest

from orchestra.model.log_excerpt import LogExcerpt, cut_excerpt, last_lines


@pytest.mark.parametrize(
    ("head", "cut_bytes", "tail", "excerpt"),
    [
        (b"a\nb\n", 0, b"", LogExcerpt("/l", ("a", "b"))),
        (b"a\nb", 0, b"c\n", LogExcerpt("/l", ("a", "bc"))),
        (b"a\nhalf", 10, b"half\nz\n", LogExcerpt("/l", ("a",), 19, ("z",))),
        (b"no line end", 10, b"none", LogExcerpt("/l", ("no line end",), 10, ("none",))),
        (b"a\n", 10, b"z\n", LogExcerpt("/l", ("a",), 10, ("z",))),
        (b"", 10, b"half\nz\n", LogExcerpt("/l", (), 15, ("z",))),
    ],
)
def test_a_log_is_cut_where_lines_end(
    head: bytes, cut_bytes: int, tail: bytes, excerpt: LogExcerpt
) -> None:
    assert cut_excerpt("/l", head, cut_bytes, tail) == excerpt


@pytest.mark.parametrize(
    ("excerpt", "count", "expected"),
    [
        (LogExcerpt("/l", ("a", "b", "c")), 2, (["b", "c"], 1)),
        (LogExcerpt("/l", ("a", "b", "c")), 3, (["a", "b", "c"], 0)),
        (LogExcerpt("/l", ("a",), 5, ("y", "z")), 9, (["y", "z"], 0)),
        (LogExcerpt("/l", ("a",), 5, ("y", "z")), 1, (["z"], 1)),
        (LogExcerpt("/l"), 5, ([], 0)),
    ],
)
def test_the_last_lines_come_with_the_count_of_those_before(
    excerpt: LogExcerpt, count: int, expected: tuple[list[str], int]
) -> None:
    assert last_lines(excerpt, count) == expected
