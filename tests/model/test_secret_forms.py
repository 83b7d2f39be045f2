"""In which forms a secret is looked for."""

from __future__ import annotations

import base64
import json
import textwrap

import pytest

from orchestra.model.masking import Masker
from orchestra.model.secret_forms import needles_of

KEY = "-----BEGIN KEY-----\n  MIIEvQ+IBADAN/Bgkqhki\r\nab\n\n    \n-----END KEY-----"
LONG = "".join("%x" % (number * 7 % 16) for number in range(300)) + "Zz+/"


def masked(secret: str, text: str) -> str:
    known = Masker(needles_of([secret]))
    return known.mask(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("secret", "text", "shown"),
    [
        ("hunter2!", "a hunter2! b", "a *** b"),
        (" hunter2!\n", "a hunter2! b", "a*** b"),
        (" hunter2!\n", "a:hunter2!", "a:***"),
        ("a b&c/d", "a%20b%26c%2Fd a+b%26c%2Fd a%20b%26c/d", "*** *** ***"),
        ("it's(*)!~ok", "it's(*)!~ok it%27s%28%2A%29%21~ok", "*** ***"),
        ('say "ä"\\', 'say \\"ä\\"\\\\ say \\"\\u00e4\\"\\\\', "*** ***"),
        ("<a&b>", "\\u003ca\\u0026b\\u003e", "***"),
        ("user:pä55", base64.b64encode("user:pä55".encode()).decode(), "***Q=="),
        ("\udcff\udcfe\udcfd\udcfc", "x\udcff\udcfe\udcfd\udcfcy", "x***y"),
    ],
)
def test_a_secret_is_known_in_each_of_its_forms(secret, text, shown):
    assert masked(secret, text) == shown


def test_each_line_of_four_bytes_is_masked_and_shorter_or_blank_ones_are_not():
    text = "MIIEvQ+IBADAN/Bgkqhki\nab\n    \n-----END KEY-----\n"
    assert masked(KEY, text) == "***\nab\n    \n***\n"


def test_a_secret_of_many_lines_is_masked_as_a_whole_first():
    assert masked(KEY, "<%s>" % KEY) == "<***>"
    assert masked(KEY, json.dumps({"key": KEY})) == '{"key": "***"}'


@pytest.mark.parametrize("width", [64, 76])
def test_base64_that_is_cut_into_lines_is_masked(width):
    encoded = base64.b64encode(LONG.encode()).decode()
    assert masked(LONG, "\n".join(textwrap.wrap(encoded, width))) == "***w=="


def test_the_same_secret_twice_is_looked_for_once():
    assert needles_of(["hunter2!", "hunter2!"]) == needles_of(["hunter2!"])
