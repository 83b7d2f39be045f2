"""How errors are worded: faults as a compiler shows them, and for programs."""

from __future__ import annotations

import pytest
from click import UsageError as UsageFault

from orchestra.cli.messages import (
    format_click,
    format_error,
    format_faults,
)
from orchestra.errors import (
    Fault,
    OrchestraError,
    RunBroken,
    StoreDamaged,
    StoreNewer,
    UsageError,
    WorkflowError,
)

FAULT = Fault("f.yaml", 2, 6, ("steps", "a", "needs", 0), "error", "code", "it is wrong", "do so")


def told(text: str, line: int, column: int) -> str:
    """The two lines of the file and the caret under them."""
    fault = FAULT._replace(line=line, column=column, suggestion="")
    return format_faults([fault], text).split("\n", 1)[1]


def test_a_fault_is_its_place_the_line_a_caret_and_what_to_do() -> None:
    assert format_faults([FAULT], "a: 1\nb: [x, y]\n") == (
        "f.yaml:2:6: error: it is wrong\n  2 | b: [x, y]\n    |      ^\n  help: do so\n"
    )


def test_faults_are_parted_by_an_empty_line() -> None:
    warning = FAULT._replace(severity="warning", line=1, column=1, suggestion="")
    assert format_faults([warning, FAULT], "a: 1\nb: [x, y]") == (
        "f.yaml:1:1: warning: it is wrong\n"
        "  1 | a: 1\n"
        "    | ^\n"
        "\n"
        "f.yaml:2:6: error: it is wrong\n"
        "  2 | b: [x, y]\n"
        "    |      ^\n"
        "  help: do so\n"
    )


def test_no_faults_are_no_text() -> None:
    assert format_faults([], "a: 1") == ""


def test_related_lines_are_shown_above_with_numbers_of_one_width() -> None:
    text = "\n".join("line %d" % number for number in range(1, 121))
    fault = FAULT._replace(line=100, column=1, related=(9, 120), suggestion="")
    assert format_faults([fault], text).split("\n", 1)[1] == (
        "    9 | line 9\n"
        "  120 | line 120\n"
        "  100 | line 100\n"
        "      | ^\n"
    )  # fmt: skip


def test_the_last_fault_of_many_is_only_its_words() -> None:
    more = FAULT._replace(code="more", message="and 9 more", suggestion="")
    assert format_faults([more], "a: 1\nb: 2") == "f.yaml:2:6: error: and 9 more\n"


SHOWN = [
    ("tab", "\ta:\tb", 4, "  1 |     a:    b\n    |       ^\n"),
    ("wide", "中文: x😀y", 7, "  1 | 中文: x😀y\n    |          ^\n"),
    ("combining", "e\u0301: x", 5, "  1 | e\u0301: x\n    |    ^\n"),
    ("escape", "\x1b[2Ja: x", 8, "  1 | \\e[2Ja: x\n    |         ^\n"),
    ("direction", "\u202ea: x", 5, "  1 | \\u202ea: x\n    |          ^\n"),
    ("carriage return", "safe\rEVIL", 6, "  1 | safe\\rEVIL\n    |       ^\n"),
    ("end of line", "ab", 3, "  1 | ab\n    |   ^\n"),
    ("beyond the line", "ab", 9, "  1 | ab\n    |   ^\n"),
    ("empty line", "", 1, "  1 |\n    | ^\n"),
    ("windows line", "a: x\r\nb", 4, "  1 | a: x\n    |    ^\n"),
    ("line separator", "a\u2028b: c", 6, "  1 | a\\u2028b: c\n    |           ^\n"),
]


@pytest.mark.parametrize(("text", "column", "shown"), [row[1:] for row in SHOWN])
def test_a_line_is_shown_safe_with_the_caret_below_its_character(
    text: str, column: int, shown: str
) -> None:
    assert told(text, 1, column) == shown


@pytest.mark.parametrize(
    ("text", "column", "shown"),
    [
        ("a" * 300, 1, "  1 | %s…\n    | ^\n" % ("a" * 100)),
        ("a" * 300, 150, "  1 | …%s…\n    | %s^\n" % ("a" * 99, " " * 67)),
        ("a" * 300, 300, "  1 | …%s\n    | %s^\n" % ("a" * 67, " " * 67)),
        ("a" * 100, 100, "  1 | …%s\n    | %s^\n" % ("a" * 67, " " * 67)),
        ("中" * 300, 150, "  1 | …%s…\n    | %s^\n" % ("中" * 49, " " * 67)),
    ],
)
def test_a_long_line_is_shortened_around_the_caret(text: str, column: int, shown: str) -> None:
    assert told(text, 1, column) == shown


def test_a_line_of_millions_of_characters_is_shown_as_a_short_one() -> None:
    assert len(told("a" * 5_000_000, 1, 4_000_000)) < 300


def test_a_late_line_of_a_large_text_is_found() -> None:
    text = "\n".join("line %d" % number for number in range(1, 300_001))
    assert told(text, 299_999, 6) == "  299999 | line 299999\n         |      ^\n"


@pytest.mark.parametrize("line", [3, 1000])
def test_a_line_that_is_not_there_is_left_out(line: int) -> None:
    assert told("a\nb", line, 1) == ""


def test_names_and_messages_cannot_move_the_cursor() -> None:
    fault = FAULT._replace(file="\x1b]0;x\x07.yaml", message="no `\x1b[2J`", suggestion="\ud800")
    shown = format_faults([fault], "")
    assert shown == ("\\e]0;x\\x07.yaml:2:6: error: no `\\e[2J`\n  help: \\ud800\n")


def test_colours_are_given_only_when_asked_for() -> None:
    shown = format_faults([FAULT], "a: 1\nb: [x, y]\n", color=True)
    plain = format_faults([FAULT], "a: 1\nb: [x, y]\n")
    assert ("\x1b[" in shown, "\x1b[" in plain) == (True, False)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (UsageError("no such step", "look it up"), "error: no such step\n  help: look it up\n"),
        (UsageError("one\ntwo"), "error: one\n       two\n"),
        (UsageError("bad \x1b[2J name"), "error: bad \\e[2J name\n"),
        (StoreDamaged("/x/runs.db", "it is damaged"), "error: /x/runs.db: it is damaged\n"),
        (StoreNewer("/x", "too new", "update"), "error: /x: too new\n  help: update\n"),
        (
            RunBroken("the disk is full", "free some"),
            "error: the disk is full\n  help: free some\n",
        ),
        (OrchestraError("other"), "error: other\n"),
        (
            WorkflowError((FAULT._replace(suggestion=""),), "a\nb: [x]"),
            "f.yaml:2:6: error: it is wrong\n  2 | b: [x]\n    |      ^\n",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_error_has_words(error: OrchestraError, text: str) -> None:
    assert format_error(error) == text


def test_the_nearest_command_is_named_once() -> None:
    error = UsageFault("No such command 'pln'. Did you mean 'plan'? Did you mean 'plan'?")

    assert format_click(error) == "error: No such command 'pln'. Did you mean 'plan'?\n"
