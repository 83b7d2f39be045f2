"""Where secrets come from, and why one cannot be used; no fault shows a value."""

from __future__ import annotations

import os
from typing import List, Mapping, Sequence

import pytest

from orchestra.errors import UsageError
from orchestra.model.workflow import FromCommand, FromFile, FromVariable, SecretSource, Workflow
from orchestra.steps.secrets import LARGEST_BYTES, read_secrets

HINT = "nothing was started: a run needs all of its secrets"


def read(tmp_path, secrets: Mapping[str, SecretSource], environ={}, written: bytes = b""):
    """The secrets of a workflow in a folder; every command writes the same."""
    flow = Workflow("/w.yaml", str(tmp_path), "w", {}, secrets=secrets)
    return read_secrets(flow, environ, lambda argv: written)


def why(tmp_path, source: SecretSource, environ={}, written: bytes = b"") -> str:
    """Why the secret `S` cannot be read."""
    with pytest.raises(UsageError) as caught:
        read(tmp_path, {"S": source}, environ, written)
    assert caught.value.hint == HINT
    return caught.value.message


def test_a_secret_comes_from_a_variable_a_file_or_a_command(tmp_path):
    (tmp_path / "f").write_bytes(b"from file\n")
    asked: List[Sequence[str]] = []

    def capture(argv: Sequence[str]) -> bytes:
        asked.append(argv)
        return b"from command\r\n"

    secrets = {"A": FromVariable("TOK"), "B": FromFile("f"), "C": FromCommand(("pass", "show"))}
    flow = Workflow("/w.yaml", str(tmp_path), "w", {}, secrets=secrets)
    values, masker = read_secrets(flow, {"TOK": "from variable\n"}, capture)

    assert dict(values) == {"A": "from variable\n", "B": "from file", "C": "from command"}
    assert asked == [("pass", "show")]
    assert masker.mask(b"from file, from command, from variable") == b"***, ***, ***"


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"hunter22", "hunter22"),
        (b"hunter22\n", "hunter22"),
        (b"hunter22\r\n", "hunter22"),
        (b"hunter22\n\n", "hunter22\n"),
        (b"a key\nof two lines\n", "a key\nof two lines"),
        (b"\xff\xfe\xfd\xfc", "\udcff\udcfe\udcfd\udcfc"),
        (b"x" * LARGEST_BYTES + b"\r\n", "x" * LARGEST_BYTES),
    ],
)
def test_the_end_of_the_last_line_is_no_part_of_a_secret(tmp_path, data, value):
    (tmp_path / "f").write_bytes(data)
    values, _ = read(tmp_path, {"F": FromFile("f"), "C": FromCommand(("c",))}, written=data)
    assert dict(values) == {"F": value, "C": value}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("", "it is empty, and could not be masked"),
        ("abc", "it has less than 4 bytes, and could not be masked"),
        ("   abc \n", "it has less than 4 bytes, and could not be masked"),
        ("hunter22\0", "it has a NUL byte, which no process can be given"),
        ("hunter22" * 8193, "it has more than 64 KiB"),
        ("hunter22\n" * 1001, "it has more than 1000 lines"),
    ],
)
def test_a_value_that_cannot_be_kept_secret_is_refused(tmp_path, value, told):
    assert why(tmp_path, FromVariable("TOK"), {"TOK": value}) == "secret `S`: " + told
    assert why(tmp_path, FromCommand(("c",)), written=value.encode() + b"\n") == (
        "secret `S`: " + told
    )


def test_four_bytes_are_enough(tmp_path):
    values, masker = read(tmp_path, {"S": FromVariable("TOK")}, {"TOK": "\u00e4\u00e4"})
    assert (dict(values), masker.mask("\u00e4\u00e4".encode())) == ({"S": "\u00e4\u00e4"}, b"***")


def test_all_that_is_missing_is_told_at_once(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(str(tmp_path / "pipe"))
    with pytest.raises(UsageError) as caught:
        read(
            tmp_path,
            {
                "A": FromVariable("TOK"),
                "B": FromFile("gone"),
                "C": FromFile("folder"),
                "D": FromFile("pipe"),
                "E": FromVariable("OK"),
            },
            {"OK": "hunter22"},
        )
    assert caught.value.message.replace(str(tmp_path), "") == (
        "secret `A`: the variable TOK is not set\n"
        "secret `B`: /gone cannot be read: No such file or directory\n"
        "secret `C`: /folder is no regular file\n"
        "secret `D`: /pipe is no regular file"
    )
