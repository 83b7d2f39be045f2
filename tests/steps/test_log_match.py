"""Whether an attempt's log has what `retry.when.output` looks for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestra.engine.ports import Written
from orchestra.model.workflow import Retry, RetryWhen, Step
from orchestra.steps.log_match import SEARCHED_BYTES, with_match


def asked(pattern: str | None, log: Path) -> Written:
    retry = Retry(1, when=RetryWhen(output=pattern))
    return with_match(Written({"x": 1}), Step("a", 0, retry=retry), str(log))


FILLER = b"x" * SEARCHED_BYTES


@pytest.mark.parametrize(
    ("pattern", "data", "expected"),
    [
        ("reset", b"connection reset by peer\n", True),
        ("^reset$", b"one\nreset\ntwo", True),
        ("^reset$", b"one\nreset\r\n", True),
        ("one.two", b"one\ntwo", False),
        ("RESET", b"reset", False),
        ("(?i)RESET", b"reset", True),
        ("\\ufffd", b"caf\xff", True),
        ("first", b"first\n" + FILLER, False),
        ("last", b"first\n" + FILLER + b"\nlast", True),
        ("x", b"", False),
    ],
)
def test_the_lines_at_the_end_of_a_log_are_searched(tmp_path, pattern, data, expected):
    (tmp_path / "log").write_bytes(data)
    assert asked(pattern, tmp_path / "log") == Written({"x": 1}, matched=expected)


def test_a_log_that_was_never_written_matches_nothing(tmp_path):
    assert asked("", tmp_path / "log") == Written({"x": 1}, matched=False)


def test_no_link_and_no_pipe_is_followed(tmp_path):
    (tmp_path / "other").write_text("reset")
    (tmp_path / "link").symlink_to(tmp_path / "other")
    os.mkfifo(tmp_path / "pipe")
    assert [asked("", tmp_path / name).matched for name in ("link", "pipe")] == [False, False]


def test_a_step_that_does_not_ask_has_its_log_left_alone(tmp_path):
    assert asked(None, tmp_path / "log") == Written({"x": 1})
    assert with_match(Written({}), Step("a", 0), str(tmp_path)) == Written({})


def test_a_pattern_that_takes_for_ever_is_given_up_with_a_warning(tmp_path):
    (tmp_path / "log").write_text("a" * 60 + "!")
    warning = "retry.when.output takes more than 1 s to look for"
    assert asked("(a+)+$", tmp_path / "log") == Written({"x": 1}, warnings=(warning,))
