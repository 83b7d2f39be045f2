from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, Mapping

import pytest

from orchestra.errors import UsageError
from orchestra.steps.environment import Environments, read_env_file
from tests.steps.attempts import an_attempt

OWN = {
    b"ORCHESTRA_RUN_ID": b"r1",
    b"ORCHESTRA_STEP": b"build",
    b"ORCHESTRA_ATTEMPT": b"1",
    b"ORCHESTRA_OUTPUT": b"/run/outputs/build.1",
    b"ORCHESTRA_SUMMARY": b"/run/outputs/build.1.md",
    b"ORCHESTRA_CPUS": b"1",
    b"PWD": b"/work dir",
}


def environment(environ: Mapping[str, str] = {}, **attempt: Any) -> Dict[bytes, bytes]:
    environments = Environments(environ, "r1")
    return environments.environment(an_attempt(**attempt), "/work dir", "/run/outputs/build.1")


def test_nothing_inherited_leaves_what_orchestra_sets() -> None:
    assert environment({"PATH": "/bin", "HOME": "/home"}, inherit_env=False) == OWN


def test_inherited_names_are_the_only_ones_inherited() -> None:
    got = environment({"PATH": "/bin", "HOME": "/home"}, inherit_env=("HOME", "ABSENT"))
    assert got == {**OWN, b"HOME": b"/home"}


def test_the_layers_of_the_file_win_over_what_is_inherited() -> None:
    got = environment({"A": "outer", "B": "outer"}, inherit_env=True, env={"A": "file"})
    assert got == {**OWN, b"A": b"file", b"B": b"outer"}


def test_what_orchestra_sets_cannot_be_set_by_a_layer() -> None:
    assert environment(env={"ORCHESTRA_STEP": "x", "PWD": "/", "ORCHESTRA_OUTPUT": "/x"}) == OWN


@pytest.mark.parametrize(
    "inherit", [True, ("ORCHESTRA_OUTPUT", "ORCHESTRA_PARAM_A", "ORCHESTRA_VALUE_1")]
)
def test_an_outer_orchestra_leaves_only_what_people_set(inherit: Any) -> None:
    outer = {"ORCHESTRA_OUTPUT": "/o", "ORCHESTRA_VALUE_1": "v", "ORCHESTRA_PARAM_A": "1"}
    assert environment(outer, inherit_env=inherit) == {**OWN, b"ORCHESTRA_PARAM_A": b"1"}


@pytest.mark.parametrize(
    ("milli", "cpus"), [(0, b"1"), (1, b"1"), (500, b"1"), (1000, b"1"), (1001, b"2"), (8000, b"8")]
)
def test_cpus_are_whole_and_never_none(milli: int, cpus: bytes) -> None:
    assert environment(demand={"cpu": milli})[b"ORCHESTRA_CPUS"] == cpus


@pytest.mark.parametrize(
    ("given", "threads"),
    [
        ({}, None),
        ({"resources": {"cpu": 2500}}, b"3"),
        ({"resources": {"cpu": 2500}, "env": {"OMP_NUM_THREADS": "1"}}, b"1"),
    ],
)
def test_threads_are_set_where_the_step_gives_cpu_and_nobody_set_them(
    given: Dict[str, Any], threads: Any
) -> None:
    assert environment(demand={"cpu": 2500}, **given).get(b"OMP_NUM_THREADS") == threads


@pytest.mark.parametrize(
    ("given", "devices"),
    [
        ({}, b"7"),
        ({"resources": {"gpu": 2}, "devices": (1, 3)}, b"1,3"),
        ({"resources": {"gpu": 0}}, b""),
    ],
)
def test_devices_are_set_where_the_step_gives_gpu(given: Dict[str, Any], devices: bytes) -> None:
    got = environment({"CUDA_VISIBLE_DEVICES": "7"}, inherit_env=True, **given)
    assert got[b"CUDA_VISIBLE_DEVICES"] == devices


def test_bytes_that_are_no_utf8_arrive_as_they_were() -> None:
    raw = b"caf\xe9 \xff"
    inherited = {"OUTER": os.fsdecode(raw)}
    got = environment(
        inherited, inherit_env=True, env={"A": raw.decode("utf-8", "surrogateescape")}
    )
    assert (got[b"OUTER"], got[b"A"]) == (raw, raw)


def test_an_attempt_does_not_see_what_another_changed_in_its_environment() -> None:
    environments = Environments({"A": "1"}, "r1")
    attempt = an_attempt(inherit_env=True)
    environments.environment(attempt, "/", "/o").clear()
    assert environments.environment(attempt, "/", "/o")[b"A"] == b"1"


def test_a_variable_of_the_longest_length_is_taken() -> None:
    value = "v" * (131_071 - len("NAME="))
    assert environment(env={"NAME": value})[b"NAME"] == value.encode()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("v" * (131_071 - len("N")), "env N is 131072 bytes with its name, the limit is 131071"),
        ("é" * 70_000, "env N is 140002 bytes with its name, the limit is 131071"),
        ("a\0b", "env N has a NUL byte, which no process can be given"),
        ("a\ud800", "env N has half a character: U+D800"),
    ],
)
def test_a_variable_that_no_process_can_be_given_is_refused(value: str, message: str) -> None:
    with pytest.raises(ValueError, match="env N") as caught:
        environment(env={"N": value})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=", ""),
        ("A=x", "x"),
        ("  export A=x", "x"),
        ("export\tA=x\r", "x"),
        ("A= x y ", "x y"),
        ("A=x=y", "x=y"),
        ("A=$HOME/`id`$(id)", "$HOME/`id`$(id)"),
        ("A=x#y", "x#y"),
        ("A=#y", "#y"),
        ("A=x # y", "x"),
        ("A= # y", ""),
        ("A=a'b'", "a'b'"),
        ("A=''", ""),
        ("A='a # \\n \"b\" '", 'a # \\n "b" '),
        ("A='x' # y", "x"),
        ("A=\"a # 'b' \"", "a # 'b' "),
        (r'A="\n\r\t\"\\\$"', '\n\r\t"\\$'),
        (r'A="C:\dir\x"', r"C:\dir\x"),
        ('A="x"\t#y', "x"),
        ("A=é", "é"),
        ("A=1\nB=2\nA=3", "3"),
        ("\ufeffA=x", "x"),
        ("# A=1\n\n   \nA=2\n#", "2"),
    ],
)
def test_an_env_file_line_means(tmp_path: Path, line: str, value: str) -> None:
    (tmp_path / "e").write_bytes(line.encode())
    assert read_env_file(str(tmp_path / "e"))["A"] == value


def test_an_env_file_gives_its_variables_in_order(tmp_path: Path) -> None:
    (tmp_path / "e").write_text("B=1\nexport A=2\n")
    assert list(read_env_file(str(tmp_path / "e")).items()) == [("B", "1"), ("A", "2")]


def test_all_faults_of_an_env_file_are_told_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "e"
    path.write_text("A=1\nB\n1C=2\nD-E=3\nF = 4\n=5\nG='x\nH=\"x\\\"\nI='x'y\nJ=a\0b\n")
    with pytest.raises(UsageError) as caught:
        read_env_file(str(path))
    assert caught.value.message.replace(str(path), "e").split("\n") == [
        "e:2: this is no NAME=VALUE",
        "e:3: this is no NAME=VALUE",
        "e:4: this is no NAME=VALUE",
        "e:5: this is no NAME=VALUE",
        "e:6: this is no NAME=VALUE",
        "e:7: the quote is not closed, or something follows it",
        "e:8: the quote is not closed, or something follows it",
        "e:9: the quote is not closed, or something follows it",
        "e:10: there is a NUL byte",
    ]


def test_many_faults_of_an_env_file_are_cut_short(tmp_path: Path) -> None:
    (tmp_path / "e").write_text("x\n" * 1000)
    with pytest.raises(UsageError) as caught:
        read_env_file(str(tmp_path / "e"))
    assert caught.value.message.split("\n")[19:] == [
        "%s:20: this is no NAME=VALUE" % (tmp_path / "e"),
        "and 980 more faults",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"A=1\nB=\xff\n", "e:2: this line is not UTF-8"),
        (b"#" * (2**20 + 1), "e: an env file of more than 1 MiB is not read"),
    ],
)
def test_an_env_file_that_is_not_text_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "e").write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_env_file(str(tmp_path / "e"))
    assert caught.value.message.replace(str(tmp_path) + "/", "") == message


def test_an_env_file_that_is_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has to be a regular file"):
        read_env_file(str(tmp_path))


def test_an_env_file_that_is_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "e")
    with pytest.raises(UsageError, match="has to be a regular file"):
        read_env_file(str(tmp_path / "e"))


def test_an_env_file_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="e: cannot be read: No such file or directory"):
        read_env_file(str(tmp_path / "e"))


def test_an_env_file_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("A=1")
    (tmp_path / "e").symlink_to("real")
    assert read_env_file(str(tmp_path / "e")) == {"A": "1"}
