from __future__ import annotations

import base64
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.engine.ports import Written
from orchestra.model.masking import Masker
from orchestra.model.secret_forms import needles_of
from orchestra.model.workflow import OutputType
from orchestra.steps.outputs import LARGEST_BYTES, parse_outputs, read_outputs

TYPES = {
    "s": OutputType.STRING,
    "i": OutputType.INT,
    "f": OutputType.FLOAT,
    "b": OutputType.BOOL,
    "j": OutputType.JSON,
}


def parse(data: bytes, *names: str) -> Written:
    return parse_outputs(data, {name: TYPES[name] for name in names})


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"s=", ""),
        (b"s=a", "a"),
        (b"s=a\n", "a"),
        (b"s= a = b \t\n", " a = b \t"),
        (b"s=a\r\n", "a\r"),
        (b"s=a<<b\n", "a<<b"),
        (b"s=a\ns=b\n", "b"),
        (b"\n\ns=a\n\n", "a"),
        (b"s=\x00\x1b[31m\n", "\x00\x1b[31m"),
        (b"s=caf\xc3\xa9\n", "café"),
        (b"s=a\xe2\x80\xa8b\x0cc\x85\n".replace(b"\x85", b"\xc2\x85"), "a\u2028b\x0cc\x85"),
        (b"s<<E\nE\n", ""),
        (b"s<<E\nE", ""),
        (b"s<<E\na\nE\n", "a"),
        (b"s<<E\na\nE", "a"),
        (b"s<<E\n\nE\n", ""),
        (b"s<<E\n\n\nE\n", "\n"),
        (b"s<<E\na\n\nE\n", "a\n"),
        (b"s<<E\nE \n EE\nxE\nE\n", "E \n EE\nxE"),
        (b"s<<E\ni=5\ns<<F\nE\n", "i=5\ns<<F"),
        (b"s<<E=F\na\nE=F\n", "a"),
        (b"s<<E\r\na\r\nE\r\n", "a\r"),
        (b"s<<<<\na\n<<\n", "a"),
        (b"s=x\ns<<E\ny\nE\n", "y"),
    ],
)
def test_a_text_is_taken_byte_for_byte(data: bytes, value: str) -> None:
    assert parse(data, "s") == Written({"s": value})


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"i=0", 0),
        (b"i=-7", -7),
        (b"i=      12\r", 12),
        (b"i=9223372036854775807", 2**63 - 1),
        (b"i=-9223372036854775808", -(2**63)),
        (b"f=1", 1.0),
        (b"f=+1.", 1.0),
        (b"f=.5", 0.5),
        (b"f=-1.5e-05", -1.5e-05),
        (b"f=1E3 ", 1000.0),
        (b"f=1e-999", 0.0),
        (b"b=true", True),
        (b"b= false\r", False),
        (b"j=null", None),
        (b'j=[1, 2.5, true, "a"]', [1, 2.5, True, "a"]),
        (b'j<<E\n{\n  "a": [{}]\n}\nE\n', {"a": [{}]}),
        (b'j="\\ud83d\\ude00 \\u0000"', "\U0001f600 \0"),
        (b"j=-0", 0),
    ],
)
def test_a_declared_output_is_read_as_its_type(data: bytes, value: Any) -> None:
    name = data[:1].decode()
    got = parse(data, name)
    assert (got, type(got.outputs[name])) == (Written({name: value}), type(value))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"i=", "output `i` is '', which is no int"),
        (b"i=1.0", "output `i` is '1.0', which is no int"),
        (b"i=012", "output `i` is '012', which is no int"),
        (b"i=+1", "output `i` is '+1', which is no int"),
        (b"i=1_000", "output `i` is '1_000', which is no int"),
        (b"i=0x10", "output `i` is '0x10', which is no int"),
        ("i=٣".encode(), "output `i` is '٣', which is no int"),
        (b"i=1\x1b[2J", "output `i` is '1\\x1b[2J', which is no int"),
        (
            b"i=9223372036854775808",
            "output `i` has a whole number beyond 64 bits: '9223372036854775808'",
        ),
        (b"i=" + b"9" * 10**6, "output `i` has a whole number beyond 64 bits: %r…" % ("9" * 40)),
        (b"f=nan", "output `f` is 'nan', which is no float"),
        (b"f=inf", "output `f` is 'inf', which is no float"),
        (b"f=1,5", "output `f` is '1,5', which is no float"),
        (b"f=1e999", "output `f` has a number beyond what a float holds: '1e999'"),
        (b"b=yes", "output `b` is 'yes', neither true nor false"),
        (b"b=True", "output `b` is 'True', neither true nor false"),
        (b"b=1", "output `b` is '1', neither true nor false"),
        (b"j=", "output `j` is no JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"j={'a': 1}", "output `j` is no JSON: Expecting property name enclosed in double quotes"),
        (b"j=[NaN]", "output `j` has NaN, which is no JSON"),
        (b"j=-Infinity", "output `j` has -Infinity, which is no JSON"),
        (b"j=[1e999]", "output `j` has a number beyond what a float holds: '1e999'"),
        (
            b"j=18446744073709551616",
            "output `j` has a whole number beyond 64 bits: '18446744073709551616'",
        ),
        (b'j="\\ud800"', "output `j` has half a character (\\ud800 to \\udfff) in its JSON"),
        (b"j=" + b"[" * 90 + b"[" * 90 + b"]" * 180, "output `j` is too large or too deep as JSON"),
        (b"j=" + b"[" * 10**6, "output `j` is too large or too deep as JSON"),
        (b"s=\xff", "output `s` is not UTF-8 at its byte 1"),
        (b"s=ab\xff", "output `s` is not UTF-8 at its byte 3"),
    ],
)
def test_a_value_that_is_not_of_its_type_is_a_problem(data: bytes, problem: str) -> None:
    got = parse(data, data[:1].decode())
    assert got.outputs == {}
    assert len(got.problems) == 1
    assert got.problems[0].startswith(problem)


def test_a_declared_output_that_is_missing_is_a_problem() -> None:
    assert parse(b"i=1", "i", "s", "j") == Written(
        {"i": 1},
        ("output `s` was declared and not written", "output `j` was declared and not written"),
    )


def test_outputs_that_are_not_declared_are_kept_as_text_and_told() -> None:
    assert parse(b"x=1\ni=2\ny=true\n", "i") == Written(
        {"x": "1", "i": 2, "y": "true"},
        (),
        ("outputs that the step does not declare are kept as text: x, y",),
    )


def test_a_long_list_of_undeclared_outputs_is_cut_short() -> None:
    data = b"".join(b"x%d=\n" % number for number in range(12))
    (warning,) = parse(data).warnings
    assert warning.endswith(": x0, x1, x2, x3, x4, x5, x6, x7, x8, x9 and 2 more")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"nonsense", "is neither name=value nor name<<END: 'nonsense'"),
        (b"::set-output name=s::x", "has '::set-output name' where a name is needed"),
        (b"s<<", "is neither name=value nor name<<END: 's<<'"),
        (b"=x", "has '' where a name is needed"),
        (b" s=x", "has ' s' where a name is needed"),
        (b"s =x", "has 's ' where a name is needed"),
        (b"1s=x", "has '1s' where a name is needed"),
        (b"a.b=x", "has 'a.b' where a name is needed"),
        (b"s\xc3\xa9=x", "has 'sé' where a name is needed"),
        (b"\x1b[2J=x", "has '\\x1b[2J' where a name is needed"),
        (b"a" * 65 + b"=x", "has %r… where a name is needed" % ("a" * 40)),
        (b"\xef\xbb\xbfs=x", "has '\\ufeffs' where a name is needed"),
    ],
)
def test_a_line_that_is_no_output_is_a_problem_and_the_others_stay(
    line: bytes, problem: str
) -> None:
    assert parse(b"i=1\n" + line + b"\ns=x\n", "i", "s") == Written(
        {"i": 1, "s": "x"}, ("line 2 of the outputs " + problem,)
    )


def test_a_block_without_an_end_is_a_problem_and_nothing_in_it_is_read() -> None:
    assert parse(b"i=1\nb<<E\ns=forged\nE x\n", "i") == Written(
        {"i": 1}, ("line 2 of the outputs begins a block that has no end 'E'",)
    )


def test_a_name_of_64_characters_is_taken() -> None:
    assert list(parse(b"a" * 64 + b"=x").outputs) == ["a" * 64]


def test_a_name_may_have_a_minus() -> None:
    assert parse(b"a-b_C1=x").outputs == {"a-b_C1": "x"}


def test_many_problems_are_cut_short() -> None:
    problems = parse(b"x\n" * 100_000).problems
    assert len(problems) == 10
    assert problems[9].startswith("line 10 of")


def test_problems_with_values_are_cut_short_too() -> None:
    problems = parse(b"".join(b"x%d=\xff\n" % number for number in range(20))).problems
    assert (len(problems), problems[10]) == (11, "and more problems with the outputs")


@pytest.mark.parametrize("data", [b"\n" * 16 * 2**20, b"s=\n" * (5 * 2**20)])
def test_millions_of_lines_are_refused_in_little_time(data: bytes) -> None:
    started = time.process_time()
    got = parse(data)
    assert got.problems == ("the outputs are more than 100000 lines and blocks",)
    assert time.process_time() - started < 2


@given(st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,9}", fullmatch=True), st.text()))
def test_any_text_goes_through_a_block_unchanged(texts: Any) -> None:
    data = "".join("%s<<@END@\n%s\n@END@\n" % item for item in texts.items()).encode()
    assert parse(data).outputs == texts


@given(st.binary())
def test_any_bytes_are_read_without_an_exception(data: bytes) -> None:
    assert all(isinstance(value, str) for value in parse(data).outputs.values())


def test_a_file_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert read_outputs(str(tmp_path / "o"), {}) == Written({})


def test_a_file_that_is_not_there_lacks_what_is_declared(tmp_path: Path) -> None:
    assert read_outputs(str(tmp_path / "o"), {"s": OutputType.STRING}) == Written(
        {}, ("output `s` was declared and not written",)
    )


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "o").write_bytes(b"i=1\n")
    assert read_outputs(str(tmp_path / "o"), {"i": OutputType.INT}) == Written({"i": 1})


def test_16_mib_are_taken(tmp_path: Path) -> None:
    (tmp_path / "o").write_bytes(b"s=" + b"x" * (16 * 2**20 - 2))
    got = read_outputs(str(tmp_path / "o"), {"s": OutputType.STRING})
    assert (got.problems, len(str(got.outputs["s"]))) == ((), 16 * 2**20 - 2)


def test_more_than_16_mib_are_refused(tmp_path: Path) -> None:
    (tmp_path / "o").write_bytes(b"s=" + b"x" * (16 * 2**20 - 1))
    got = read_outputs(str(tmp_path / "o"), {"s": OutputType.STRING})
    assert got == Written({}, ("the outputs are more than 16 MiB",))


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"s=secret\n")
    (tmp_path / "o").symlink_to("real")
    assert read_outputs(str(tmp_path / "o"), {}) == Written(
        {}, ("the outputs file was replaced by a symbolic link",)
    )


def test_a_pipe_in_the_place_of_the_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "o")
    assert read_outputs(str(tmp_path / "o"), {}) == Written(
        {}, ("the outputs file was replaced by something that is no file",)
    )


def test_a_directory_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    assert read_outputs(str(tmp_path), {}) == Written(
        {}, ("the outputs file was replaced by something that is no file",)
    )


def test_a_path_that_leads_through_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "o").write_bytes(b"")
    assert read_outputs(str(tmp_path / "o" / "x"), {}) == Written(
        {}, ("the outputs file cannot be read: Not a directory",)
    )


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    before = os.listdir("/dev/fd")
    read_outputs(str(tmp_path), {})
    assert os.listdir("/dev/fd") == before


SECRET = Masker(needles_of(["hunter2/hunter2"]))
ONE = ("output `%s` holds a secret, no output of the step is kept",)
NO_NAME = ("the outputs hold a secret, none of them is kept",)


@pytest.mark.parametrize(
    ("data", "problems"),
    [
        (b"ok=1\ns=hunter2/hunter2\n", (ONE[0] % "s",)),
        (b"other=a hunter2/hunter2 b\n", (ONE[0] % "other",)),
        (b"s=hunter2%2Fhunter2\n", (ONE[0] % "s",)),
        (b"s=%b\n" % base64.b64encode(b"user:hunter2/hunter2"), (ONE[0] % "s",)),
        (b"s<<E\na\nhunter2/hunter2\nE\n", (ONE[0] % "s",)),
        (b"i=hunter2/hunter2\n", (ONE[0] % "i",)),
        (b'j={"a": ["hunter2\\/hunter2"]}\n', (ONE[0] % "j",)),
        (b'j={"a": ["\\u0068unter2/hunter2"]}\n', (ONE[0] % "j",)),
        (
            b"s=hunter2/hunter2\nx=hunter2/hunter2\n",
            ("outputs `s`, `x` hold a secret, no output of the step is kept",),
        ),
        (b"hunter2/hunter2\n", NO_NAME),
        (b"s=hunter2/hunter2\ns=1\n", NO_NAME),
    ],
)
def test_an_output_that_holds_a_secret_fails_the_step_and_none_is_kept(tmp_path, data, problems):
    path = tmp_path / "outputs"
    path.write_bytes(data)

    assert read_outputs(str(path), {"i": OutputType.INT, "j": OutputType.JSON}, SECRET) == Written(
        {}, problems
    )
    assert not path.exists()


def test_a_name_that_is_a_secret_itself_is_not_said(tmp_path):
    path = tmp_path / "outputs"
    path.write_bytes(b"hunter2=hunter2\nhunter2=1\ns=hunter2\n")
    masker = Masker(needles_of(["hunter2"]))
    assert read_outputs(str(path), {}, masker).problems == (ONE[0] % "s",)


@pytest.mark.parametrize(
    ("data", "written"),
    [
        (b"s=hunter2\n", Written({"s": "hunter2"})),
        (b"s=%b\n" % (b"x" * LARGEST_BYTES), Written({}, ("the outputs are more than 16 MiB",))),
    ],
)
def test_a_file_is_kept_only_when_it_is_known_to_hold_no_secret(tmp_path, data, written):
    path = tmp_path / "outputs"
    path.write_bytes(data)
    assert read_outputs(str(path), {"s": OutputType.STRING}, SECRET) == written
    assert path.exists() is bool(written.outputs)
