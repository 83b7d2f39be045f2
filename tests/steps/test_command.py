from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, List, Tuple

import pytest

from orchestra.model.expression import ExpressionError, parse_text
from orchestra.model.run import Invocation
from orchestra.model.workflow import Command
from orchestra.steps.command import render_command
from orchestra.steps.place import Place
from tests.steps.attempts import HOSTILE, an_attempt, ascii_start, run

SHOW = "import os, sys; os.write(1, b'|'.join(map(os.fsencode, sys.argv[1:])))"


def render(argv: List[str], working_dir: str = "/", **params: Any) -> Invocation:
    body = Command(tuple(parse_text(text) for text in argv))
    place = Place({}, working_dir, "/run/logs/build.1.log", "/run/private/build.1", "/", "python")
    return render_command(body, an_attempt(names={"params": params}), place)


def argv(texts: List[str], **params: Any) -> Tuple[bytes, ...]:
    return render(texts, **params).argv


def test_a_command_becomes_its_arguments() -> None:
    assert render(["prog", "a b", "$HOME"]) == Invocation(
        (b"prog", b"a b", b"$HOME"), {}, "/", "/run/logs/build.1.log"
    )


@pytest.mark.parametrize(
    ("value", "arguments"),
    [
        ("a b", (b"a b",)),
        ("", (b"",)),
        (5, (b"5",)),
        (True, (b"true",)),
        (0.5, (b"0.5",)),
        ([], ()),
        (["a b", "", 1, False], (b"a b", b"", b"1", b"false")),
        ([[1, "x"], {"k": None}], (b'[1,"x"]', b'{"k":null}')),
        ({"k": [1]}, (b'{"k":[1]}',)),
    ],
)
def test_an_element_that_is_one_expression_gives_an_argument_for_each_element_of_a_list(
    value: Any, arguments: Tuple[bytes, ...]
) -> None:
    assert argv(["p", "${{ params.x }}", "q"], x=value) == (b"p", *arguments, b"q")


def test_a_list_inside_text_is_one_argument() -> None:
    assert argv(["p", "--x=${{ params.x }}"], x=["a b", 1]) == (b"p", b'--x=["a b",1]')


@pytest.mark.parametrize("value", [None, ["a", None]])
def test_null_is_refused_and_the_argument_named(value: Any) -> None:
    with pytest.raises(ExpressionError) as caught:
        argv(["p", "a", "${{ params.x }}"], x=value)
    assert caught.value.message == "command argument 3: null has no text"


@pytest.mark.parametrize("texts", [["${{ params.x }}"], ["", "a"]])
def test_a_command_that_names_no_program_is_refused(texts: List[str]) -> None:
    with pytest.raises(ValueError, match="command names no program"):
        argv(texts, x=[])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("x" * 131_072, "command argument 2 is 131072 bytes, the limit is 131071"),
        (["a", "é" * 100_000], "command argument 2 is 200000 bytes, the limit is 131071"),
        ("a\0b", "command argument 2 has a NUL byte, which no process can be given"),
        ("\udbff", r"command argument 2 has half a character: U\+DBFF"),
    ],
)
def test_what_no_process_can_be_given_is_refused(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match="^%s$" % message):
        argv(["p", "${{ params.x }}"], x=value)


@pytest.mark.parametrize("value", HOSTILE, ids=ascii_start)
def test_a_hostile_value_arrives_byte_for_byte(tmp_path: Path, value: str) -> None:
    texts = [sys.executable, "-c", SHOW, "${{ params.x }}"]
    shown = run(render(texts, str(tmp_path), x=value))
    assert shown == (0, value, "")
    assert list(tmp_path.iterdir()) == []
