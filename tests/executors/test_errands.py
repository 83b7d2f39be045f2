"""The script that starts an attempt elsewhere, and what it leaves to read, under dash and bash."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Dict, Optional, Tuple

import pytest

from orchestra.executors.errands import (
    EndRecord,
    forestall,
    make_errand,
    read_claim,
    read_end,
    remove_errand,
    signal_group,
    task_name,
)
from orchestra.executors.proc import Proc
from orchestra.model.errand import Errand
from orchestra.model.run import AttemptKey, Invocation

LIMIT_S = 180.0
PATH = {b"PATH": b"/usr/bin:/bin"}


class Bench:
    """Errand folders that one shell starts."""

    def __init__(self, shell: str, folder: Path) -> None:
        self.shell = shell
        self.folder = str(folder / "it's an errand")

    def make(
        self,
        *argv: bytes,
        env: Dict[bytes, bytes] = PATH,
        working_dir: str = "/",
        fallback: Optional[Tuple[bytes, ...]] = None,
        gpus: int = 0,
    ) -> None:
        errand = Errand("x", gpus=gpus)
        make_errand(
            self.folder,
            Invocation(argv, env, working_dir, "", fallback=fallback, errand=errand),
            0o027,
        )

    def begin(self, environ: Dict[str, str] = {}) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [self.shell, self.folder + "/start"],
            env={"PATH": os.environ["PATH"], **environ},
            start_new_session=True,
        )

    def start(self, environ: Dict[str, str] = {}) -> int:
        return self.begin(environ).wait(LIMIT_S)

    def run(self, script: bytes, **options: object) -> EndRecord:
        self.make(b"/bin/sh", b"-c", script, **options)  # type: ignore[arg-type]  # as given
        self.start()
        return self.end()

    def end(self) -> EndRecord:
        record = read_end(self.folder)
        assert record is not None
        return record

    def output(self) -> bytes:
        return Path(self.folder, "output").read_bytes()

    def wait_for(self, text: bytes) -> None:
        deadline = time.monotonic() + LIMIT_S
        while text not in self.output():
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.fixture(params=["dash", "bash"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    return Bench(request.param, tmp_path)


@pytest.mark.parametrize("code", [0, 1, 126, 127, 137, 141, 143, 255])
def test_an_exit_code_is_none_of_a_signal(bench: Bench, code: int) -> None:
    record = bench.run(b"exit %d" % code)

    assert (record.exit_code, record.signal, record.refusal) == (code, None, "")


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"])
def test_a_signal_is_no_exit_code(bench: Bench, name: str) -> None:
    record = bench.run(b"kill -%s $$" % name[3:].encode())

    assert (record.exit_code, record.signal, record.refusal) == (None, name, "")


def test_the_record_says_when_and_where(bench: Bench) -> None:
    before = time.time()

    record = bench.run(b"sleep 0.1")

    assert before - 0.01 <= record.began_at < record.ended_at <= time.time()
    assert record.node == os.uname().nodename
    assert record.cpu_s is not None


def test_a_second_start_is_refused_and_runs_nothing(bench: Bench) -> None:
    bench.make(b"/bin/sh", b"-c", b"echo once")

    assert [bench.start(), bench.start(), bench.start()] == [0, 75, 75]
    assert bench.output() == b"once\n"


def test_what_was_forestalled_never_starts(bench: Bench) -> None:
    bench.make(b"/bin/sh", b"-c", b"echo once")

    assert forestall(bench.folder)
    assert forestall(bench.folder)  # as one who comes later finds out
    assert bench.start() == 75
    assert (bench.output(), read_claim(bench.folder), read_end(bench.folder)) == (b"", None, None)


def test_what_has_started_is_not_forestalled(bench: Bench) -> None:
    bench.run(b"exit 0")

    assert not forestall(bench.folder)


ODD = {
    b"LINES": b"a\nb\n\n",
    b"QUOTES": b"it's \"so\" ''",
    b"SHELL_TEXT": b"$(exit 3) `exit 3` ${x} \\ \\n ~ * ? ! #",
    b"RAW": bytes(range(1, 256)),
    b"EMPTY": b"",
    b"IFS": b"x",
    b"o_folder": b"/nowhere",
    b"CDPATH": b"/usr",
    b"LC_ALL": b"no_SUCH.locale",
}


@pytest.mark.parametrize("name", [b"LINES", b"QUOTES", b"SHELL_TEXT", b"RAW", b"EMPTY", b"IFS"])
def test_a_value_arrives_byte_for_byte(bench: Bench, name: bytes) -> None:
    bench.make(b"printenv", b"-0", name, env={**PATH, **ODD})

    bench.start()

    assert bench.output() == ODD[name] + b"\0"


def test_what_a_shell_cannot_export_is_left_out(bench: Bench) -> None:
    odd = {b"a-b": b"1", b"UID": b"7", b"SHELLOPTS": b"xtrace", b"1a": b"2", b"\xff": b"3"}
    bench.make(b"env", b"-0", env={**PATH, **odd, b"KEPT": b"1"})

    bench.start()

    names = {line.split(b"=")[0] for line in bench.output().split(b"\0")}
    assert b"KEPT" in names
    assert not {b"a-b", b"1a", b"\xff"} & names
    assert bench.end().exit_code == 0


def test_variables_of_the_engine_stay_and_those_of_the_step_go_over_them(bench: Bench) -> None:
    bench.make(b"/bin/sh", b"-c", b"echo $SLURM_JOB_ID $MINE", env={**PATH, b"MINE": b"step"})

    bench.start({"SLURM_JOB_ID": "12", "MINE": "engine"})

    assert bench.output() == b"12 step\n"


@pytest.mark.parametrize(("gpus", "seen"), [(0, b"9\n"), (2, b"0,1\n")])
def test_the_devices_of_the_engine_count_where_gpus_are_asked_for(
    bench: Bench, gpus: int, seen: bytes
) -> None:
    env = {**PATH, b"CUDA_VISIBLE_DEVICES": b"9"}
    bench.make(b"/bin/sh", b"-c", b"echo $CUDA_VISIBLE_DEVICES", env=env, gpus=gpus)

    bench.start({"CUDA_VISIBLE_DEVICES": "0,1"})

    assert bench.output() == seen


@pytest.mark.parametrize("name", ["a b", "it's", "-", "$(x)", "line\nend", "\udcff"])
def test_it_runs_in_its_working_directory(bench: Bench, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    bench.make(b"/bin/pwd", b"-P", working_dir=str(folder))

    bench.start()

    assert bench.output() == os.fsencode(os.path.realpath(folder)) + b"\n"


def test_words_arrive_as_they_are(bench: Bench) -> None:
    words = (b"a b", b"", b"it's", b"$(x) `x`", b"\n", b"\xff\x81", b"-n", b"*")
    bench.make(b"printf", b"<%s>", *words)

    bench.start()

    assert bench.output() == b"".join(b"<%s>" % word for word in words)


def test_a_program_is_found_in_the_path_of_the_step(bench: Bench, tmp_path: Path) -> None:
    program = tmp_path / "mine"
    program.write_text("#!/bin/sh\necho found $0\n")
    program.chmod(0o700)
    bench.make(b"mine", env={b"PATH": os.fsencode(tmp_path) + b":/usr/bin:/bin"})

    bench.start()

    assert bench.output() == b"found %s\n" % os.fsencode(program)


@pytest.mark.parametrize(
    ("argv", "working_dir", "refusal"),
    [
        (b"nosuch", "/", "nosuch: no such program in PATH (/usr/bin:/bin)"),
        (b"/no/such", "/", "/no/such: no such file"),
        (b"/etc/passwd", "/", "/etc/passwd: no permission to execute it"),
        (b"/etc", "/", "/etc: it is a directory, not a program"),
        (b"true", "/no/such", "working_dir /no/such: No such file or directory"),
        (b"true", "/etc/passwd", "working_dir /etc/passwd: Not a directory"),
    ],
)
def test_what_cannot_start_is_refused_in_the_words_of_this_machine(
    bench: Bench, argv: bytes, working_dir: str, refusal: str
) -> None:
    bench.make(argv, working_dir=working_dir)

    bench.start()

    record = bench.end()
    assert (record.exit_code, record.signal, record.refusal) == (None, None, refusal)
    assert bench.output() == b""


def test_the_fallback_is_started_where_the_first_choice_is_missing(bench: Bench) -> None:
    bench.make(b"/no/such", fallback=(b"/bin/sh", b"-c", b"echo fell back"))

    bench.start()

    assert bench.output() == b"fell back\n"


def test_what_is_written_to_the_name_of_a_stream_cuts_nothing(bench: Bench) -> None:
    bench.run(b"echo a; echo b >/dev/stderr; echo c >/dev/stdout; echo d >&2")

    assert bench.output() == b"a\nb\nc\nd\n"


def test_all_output_is_there_when_the_record_is(bench: Bench) -> None:
    bench.run(b"head -c 3000000 /dev/zero")

    assert len(bench.output()) == 3000000


def test_the_step_has_the_umask_of_the_run_and_no_input(bench: Bench) -> None:
    bench.run(b"umask; cat")

    assert bench.output() == b"0027\n"


def test_without_a_pipe_output_goes_to_the_file(bench: Bench) -> None:
    bench.make(b"/bin/sh", b"-c", b"echo plain; exit 4")
    os.unlink(bench.folder + "/pipe")

    bench.start()

    assert (bench.output(), bench.end().exit_code) == (b"plain\n", 4)


def begun(bench: Bench) -> int:
    """The process whose number a step has written last."""
    return int(bench.output().split()[-1])


@pytest.mark.parametrize(
    "left",
    [
        pytest.param(b"sleep 1000 &", id="writes"),
        pytest.param(b"sleep 1000 >/dev/null 2>&1 &", id="is-silent"),
        pytest.param(b"(trap '' TERM; exec sleep 1000) >/dev/null 2>&1 &", id="is-stubborn"),
        pytest.param(b"set -m; sleep 1000 >/dev/null 2>&1 &", id="has-its-own-group"),
    ],
)
def test_what_is_left_behind_has_ended_when_the_record_is_there(bench: Bench, left: bytes) -> None:
    bench.make(b"bash", b"-c", left + b" echo $!; exit 4")

    code = bench.start()

    assert (code, bench.end().exit_code) == (4, 4)
    assert Proc().is_dead(begun(bench))


def test_what_is_left_behind_by_a_stop_has_its_grace_period(bench: Bench) -> None:
    cleans_up = b"(trap 'sleep 0.5; echo cleaned; exit' TERM; echo on; while :; do sleep 0.1; done)"
    bench.make(b"/bin/sh", b"-c", cleans_up + b" & wait")
    process = bench.begin()
    bench.wait_for(b"on")

    assert signal_group(bench.folder, "SIGTERM")
    process.wait(LIMIT_S)

    assert bench.end().signal == "SIGTERM"
    assert bench.output().endswith(b"cleaned\n")


def test_who_leads_no_group_ends_nobody(bench: Bench) -> None:
    bench.make(b"/bin/sh", b"-c", b"sleep 1000 >/dev/null 2>&1 & echo $!")
    starter = [bench.shell, "-c", '"$@"; exit $?', "sh", bench.shell, bench.folder + "/start"]

    subprocess.call(starter, env={"PATH": os.environ["PATH"]}, start_new_session=True)

    assert bench.end().exit_code == 0
    os.kill(begun(bench), signal.SIGKILL)  # it lives


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_to_all_ends_the_step_and_is_written_down(bench: Bench, name: str) -> None:
    bench.make(b"/bin/sh", b"-c", b"echo on; exec sleep 1000")
    process = bench.begin()
    bench.wait_for(b"on")

    assert signal_group(bench.folder, name)
    process.wait(LIMIT_S)

    assert bench.end().signal == name


def test_a_step_may_answer_a_signal_to_all(bench: Bench) -> None:
    bench.make(b"/bin/sh", b"-c", b"trap 'echo bye; exit 5' TERM; echo on; while :; do :; done")
    process = bench.begin()
    bench.wait_for(b"on")

    assert signal_group(bench.folder, "SIGTERM")
    process.wait(LIMIT_S)

    assert (bench.end().exit_code, bench.output()) == (5, b"on\nbye\n")


def test_a_kill_leaves_a_claim_and_no_record(bench: Bench) -> None:
    bench.make(b"/bin/sh", b"-c", b"echo on; exec sleep 1000")
    process = bench.begin()
    bench.wait_for(b"on")

    assert signal_group(bench.folder, "SIGKILL")
    process.wait(LIMIT_S)

    claim = read_claim(bench.folder)
    assert claim is not None
    assert (claim.node, claim.pid) == (os.uname().nodename, process.pid)
    assert read_end(bench.folder) is None
    assert not signal_group(bench.folder, "SIGKILL")


def test_nobody_else_may_read_a_folder(bench: Bench) -> None:
    bench.make(b"true")

    modes = {
        name: os.stat(os.path.join(bench.folder, name)).st_mode & 0o777
        for name in (".", "start", "output", "pipe")
    }
    assert modes == {".": 0o700, "start": 0o600, "output": 0o600, "pipe": 0o600}


def test_a_removed_folder_is_gone(bench: Bench) -> None:
    bench.run(b"exit 0")

    remove_errand(bench.folder)

    assert not os.path.exists(bench.folder)


def test_names_of_tasks_are_short_plain_and_their_own() -> None:
    keys = [AttemptKey(step, 1) for step in ("a", "a b", "a/b", "a-b", "ü" * 300, "a[x=1]")]
    names = {task_name(run, key._replace(number=n)) for key in keys for run in "rs" for n in (1, 2)}

    assert len(names) == 24
    assert max(map(len, names)) <= 60
    assert set("".join(names)) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
    )
