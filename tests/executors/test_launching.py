"""What is started, and what is said where nothing can be."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional, Tuple

import pytest

from orchestra.engine.ports import Ended, Launched
from orchestra.executors import launcher
from orchestra.executors.proc import Proc, since_boot_s
from orchestra.model.run import AttemptKey
from tests.executors.workbench import LIMIT_S, Workbench

KEY = AttemptKey("s1", 1)


def program(path: Path, text: str, mode: int = 0o755) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_program_that_is_nowhere_is_refused(bench: Workbench) -> None:
    ended = bench.run("frobnicate", env={"PATH": "/nowhere:/usr/bin"})

    reason = "frobnicate: no such program in PATH (/nowhere:/usr/bin)"
    assert ended == Ended(KEY, refusal=reason)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("missing", "no such file"),
        ("folder", "it is a directory, not a program"),
        ("plain", "no permission to execute it"),
        ("orphaned", "the interpreter that it names is missing: #!/no/such/program -x"),
        ("dangling", "no such file"),
        (
            "text",
            "no program that this machine can run (a script needs a first line like #!/bin/sh)",
        ),
        ("under/file", "Not a directory"),
    ],
)
def test_a_path_that_cannot_be_started_is_refused_with_the_reason(
    bench: Workbench, tmp_path: Path, kind: str, reason: str
) -> None:
    (tmp_path / "folder").mkdir()
    program(tmp_path / "plain", "#!/bin/sh\n", 0o644)
    program(tmp_path / "orphaned", "#!/no/such/program -x\n")
    program(tmp_path / "text", "echo no first line\n")
    program(tmp_path / "under", "a file")
    (tmp_path / "dangling").symlink_to("/no/such/file")

    ended = bench.run(tmp_path / kind)

    assert ended == Ended(KEY, refusal="%s/%s: %s" % (tmp_path, kind, reason))


def test_a_program_without_permission_is_named_when_path_has_no_better_one(
    bench: Workbench, tmp_path: Path
) -> None:
    program(tmp_path / "tool", "#!/bin/sh\n", 0o644)

    ended = bench.run("tool", env={"PATH": "/usr/bin:%s" % tmp_path})

    assert ended == Ended(KEY, refusal="%s/tool: no permission to execute it" % tmp_path)


def test_the_first_program_in_path_that_can_be_executed_is_started(
    bench: Workbench, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("a", "b", "c", "d")]
    for folder in folders:
        folder.mkdir()
    (tmp_path / "a" / "tool").mkdir()
    program(tmp_path / "b" / "tool", "#!/bin/sh\necho b\n", 0o644)
    program(tmp_path / "c" / "tool", "#!/bin/sh\necho c\n")
    program(tmp_path / "d" / "tool", "#!/bin/sh\necho d\n")

    ended = bench.run("tool", env={"PATH": ":".join(map(str, folders))})

    assert bench.log(ended) == b"c\n"


@pytest.mark.parametrize(
    ("word", "path"),
    [("tool", ":/usr/bin"), ("tool", "."), ("tool", "../x"), ("./tool", "/usr/bin")],
)
def test_a_program_is_looked_up_from_the_working_directory(
    bench: Workbench, tmp_path: Path, word: str, path: str
) -> None:
    (tmp_path / "x").mkdir()
    program(tmp_path / "x" / "tool", "#!/bin/sh\necho found\n")

    ended = bench.run(word, env={"PATH": path}, working_dir=str(tmp_path / "x"))

    assert bench.log(ended) == b"found\n"


def test_without_path_programs_are_found_where_the_system_has_them(bench: Workbench) -> None:
    ended = bench.run("echo", "hello", bare=True)

    assert bench.log(ended) == b"hello\n"


def test_an_executable_is_started_under_the_name_given(bench: Workbench) -> None:
    ended = bench.run("some name", "-c", "echo $0", executable=b"/bin/sh")

    assert bench.log(ended) == b"some name\n"


@pytest.mark.parametrize("kind", ["text", "missing"])
def test_the_fallback_is_started_where_the_program_is_refused(
    bench: Workbench, tmp_path: Path, kind: str
) -> None:
    program(tmp_path / "text", "echo a script without a first line\n")

    ended = bench.run(tmp_path / kind, fallback=(b"sh", b"-c", b"echo fallen back; exit 7"))

    assert (bench.log(ended), ended.exit_code) == (b"fallen back\n", 7)


def test_a_fallback_that_is_refused_too_says_why(bench: Workbench) -> None:
    ended = bench.run("/no/one", fallback=(b"/no/two",))

    assert ended == Ended(KEY, refusal="/no/two: no such file")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((b"x" * 131_072,), "/bin/true: its arguments and environment are too long"),
        ((b"a\0b",), "/bin/true: embedded null byte"),
    ],
)
def test_arguments_that_cannot_be_handed_over_are_refused(
    bench: Workbench, words: Tuple[bytes, ...], reason: str
) -> None:
    ended = bench.run("/bin/true", *words)

    assert ended.refusal.startswith(reason)
    assert ended == Ended(KEY, refusal=ended.refusal)


@pytest.mark.parametrize(
    ("name", "reason"),
    [(None, "No such file or directory"), ("file", "Not a directory")],
)
def test_a_working_directory_that_is_none_is_refused_and_others_go_on(
    bench: Workbench, tmp_path: Path, name: Optional[str], reason: str
) -> None:
    (tmp_path / "file").write_text("")
    folder = str(tmp_path / (name or "missing"))

    refused, fine = bench.ends_of([bench.start("true", working_dir=folder), bench.start("true")])

    assert refused == Ended(KEY, refusal="working_dir %s: %s" % (folder, reason))
    assert fine.exit_code == 0


def test_a_program_that_is_being_written_is_started_when_that_is_over(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "BUSY_PATIENCE_S", LIMIT_S)
    tool = program(tmp_path / "tool", "#!/bin/sh\nexit 4\n")
    with tool.open("a"):
        key = bench.start(tool)
        other = bench.run("true")

    assert (other.exit_code, bench.end_of(key).exit_code) == (0, 4)


def test_a_program_that_is_written_for_ever_is_refused(bench: Workbench, tmp_path: Path) -> None:
    tool = program(tmp_path / "tool", "#!/bin/sh\n")
    with tool.open("a"):
        ended = bench.run(tool)

    assert ended == Ended(KEY, refusal="%s: another process is writing it" % tool)


def test_an_attempt_that_waits_can_be_stopped(bench: Workbench, tmp_path: Path) -> None:
    tool = program(tmp_path / "tool", "#!/bin/sh\n")
    with tool.open("a"):
        key = bench.start(tool)
        bench.executor.stop(key, "SIGTERM")
        ended = bench.end_of(key)

    assert ended == Ended(KEY, refusal="it was stopped before it could start")
    assert bench.executor.running() == 0


def test_when_a_process_began_is_known_though_its_start_was_held_up(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    late_s = iter([0.0, 5.0])
    monkeypatch.setattr(launcher, "since_boot_s", lambda: since_boot_s() + next(late_s))
    key = bench.start("sh", "-c", "echo up; sleep 1000")
    bench.wait_for_output(key, b"up\n")

    (launched,) = bench.told

    assert isinstance(launched, Launched)
    assert launched.began_s == Proc().began_s(launched.pid)


def test_no_descriptor_is_left_of_a_refusal(bench: Workbench) -> None:
    before = os.listdir("/proc/self/fd")

    bench.run("/no/such/program")

    assert os.listdir("/proc/self/fd") == before
