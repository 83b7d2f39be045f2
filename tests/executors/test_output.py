"""The way of a step's output into its log."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Callable, Iterator

import pytest

from orchestra.executors import local, pump
from orchestra.model.masking import Masker, Needles
from orchestra.model.run import AttemptKey
from tests.executors.lone_engine import run_alone
from tests.executors.workbench import LIMIT_S, Workbench


def plant_link(path: Path) -> None:
    path.symlink_to(path.parent / "outside")


def plant_dangling_link(path: Path) -> None:
    path.symlink_to(path.parent / "made-by-us")


def plant_fifo(path: Path) -> None:
    os.mkfifo(str(path))


def plant_file(path: Path) -> None:
    path.write_bytes(b"theirs")


def plant_folder(path: Path) -> None:
    path.mkdir()


def test_every_byte_arrives(bench: Workbench, tmp_path: Path) -> None:
    text = bytes(range(256)) * 300 + b"\xff\xfe no newline at the end \0"
    (tmp_path / "text").write_bytes(text)

    ended = bench.run("cat", tmp_path / "text")

    assert bench.log(ended) == text
    assert ended.log_bytes == len(text)
    assert bench.seen_by_key[ended.key] == text


def test_both_streams_share_one_log_in_their_order(bench: Workbench) -> None:
    ended = bench.run("sh", "-c", "echo 1; echo 2 >&2; echo 3; echo 4 >/dev/stderr; echo 5")

    assert bench.log(ended) == b"1\n2\n3\n4\n5\n"


def test_a_log_is_for_its_owner_only(bench: Workbench) -> None:
    ended = bench.run("echo", "x")

    assert stat.S_IMODE(os.stat(bench.log_path(ended.key)).st_mode) == 0o600


def test_a_silent_step_has_no_log(bench: Workbench) -> None:
    ended = bench.run("true")

    assert ended.log_bytes == 0
    assert list(bench.folder.iterdir()) == []


def test_output_is_in_the_log_while_the_step_runs(bench: Workbench) -> None:
    key = bench.start("sh", "-c", "echo early; sleep 1000")

    bench.wait_for_output(key, b"early\n")

    assert Path(bench.log_path(key)).read_bytes() == b"early\n"


@pytest.mark.parametrize(
    "plant", [plant_link, plant_dangling_link, plant_fifo, plant_file, plant_folder]
)
def test_what_lies_where_the_log_belongs_is_left_alone_and_told(
    bench: Workbench, plant: Callable[[Path], None]
) -> None:
    (bench.folder / "outside").write_bytes(b"precious")
    path = Path(bench.log_path(AttemptKey("s1", 1)))
    plant(path)
    before = os.lstat(str(path))

    ended = bench.run("sh", "-c", "seq 100000; exit 3")

    assert (ended.exit_code, ended.log_bytes) == (3, 0)
    assert bench.executor.faults() == ["cannot write %s: File exists" % path]
    assert os.lstat(str(path))[:8] == before[:8]
    assert sorted(bench.folder.iterdir()) == sorted([path, bench.folder / "outside"])
    assert (bench.folder / "outside").read_bytes() == b"precious"


def test_a_log_whose_folder_has_gone_is_told_and_the_step_goes_on(
    run_id: str, tmp_path: Path
) -> None:
    folder = tmp_path / "gone"
    bench = Workbench(run_id, folder)

    ended = bench.run("sh", "-c", "seq 100000; exit 3")

    faults = bench.executor.faults()
    bench.executor.close()
    assert ended.exit_code == 3
    assert faults == ["cannot write %s: No such file or directory" % bench.log_path(ended.key)]


def test_a_log_that_cannot_grow_fails_no_step_and_is_told_once(tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: the write fails in the same way."""
    found = run_alone(
        tmp_path,
        argv=["sh", "-c", "seq 100000; exit 3"],
        count=2,
        limits={"RLIMIT_FSIZE": 100_000},
    )

    assert found["ends"] == {"3": 2}
    assert sorted(found["faults"]) == [
        "cannot write %s/s1.log: File too large" % tmp_path,
        "cannot write %s/s2.log: File too large" % tmp_path,
    ]
    assert [(tmp_path / name).stat().st_size for name in ("s1.log", "s2.log")] == [100_000] * 2


def test_a_step_may_delete_its_own_log(bench: Workbench) -> None:
    path = bench.log_path(AttemptKey("s1", 1))

    ended = bench.run("sh", "-c", "echo 1; while ! rm %s; do :; done 2>/dev/null; seq 9" % path)

    assert ended.exit_code == 0
    assert bench.executor.faults() == []
    assert not os.path.exists(path)


def test_a_step_that_closes_its_output_runs_on(bench: Workbench) -> None:
    ended = bench.run_script("closes_output.sh")

    assert (ended.exit_code, bench.log(ended)) == (3, b"last words\n")


def test_output_of_what_is_still_finishing_in_the_background_is_kept(
    run_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (local, pump):  # a busy machine may oversleep by more than is waited for
        monkeypatch.setattr(module, "IDLE_S", LIMIT_S)
    bench = Workbench(run_id, tmp_path, drain_s=LIMIT_S)

    ended = bench.run(
        "bash", "-c", "exec > >(cat; sleep 0.03; echo two; sleep 0.03; echo three); echo one"
    )

    bench.executor.close()
    assert bench.log(ended) == b"one\ntwo\nthree\n"


def test_output_of_what_works_long_in_silence_in_the_background_is_kept(
    run_id: str, tmp_path: Path
) -> None:
    bench = Workbench(run_id, tmp_path, drain_s=LIMIT_S)
    work = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"

    ended = bench.run("bash", "-c", "exec > >(cat; %s; echo two); echo one" % work)

    bench.executor.close()
    assert bench.log(ended) == b"one\ntwo\n"


def test_a_reader_that_steals_from_the_pipe_blocks_nobody(bench: Workbench) -> None:
    steal = "timeout 0.05 dd if=/proc/self/fd/1 of=/dev/null bs=2 count=1 2>/dev/null"
    script = "for _ in 1 2 3 4 5 6 7 8 9; do echo x; %s; done; exit 3" % steal

    assert bench.run("sh", "-c", script).exit_code == 3


def test_a_flood_arrives_byte_for_byte(bench: Workbench, tmp_path: Path) -> None:
    block = os.urandom(1 << 20)
    (tmp_path / "block").write_bytes(block)

    ended = bench.run_script("floods.py", tmp_path / "block", "100")

    assert ended.log_bytes == 100 * (8 + len(block))
    with open(bench.log_path(ended.key), "rb") as log:
        turns = [log.read(8 + len(block)) for _ in range(100)]
    assert turns == [turn.to_bytes(8, "big") + block for turn in range(100)]


def test_a_flood_does_not_starve_others(bench: Workbench) -> None:
    floods = [bench.start("sh", "-c", "cat /dev/zero >&2") for _ in range(3)]

    quick = [bench.run("echo", "hi").exit_code for _ in range(20)]

    for key in floods:
        bench.executor.stop(key, "SIGKILL")
    assert quick == [0] * 20
    assert [ended.signal for ended in bench.ends_of(floods)] == ["SIGKILL"] * 3


SECRET = b"hunter2/hunter2"


@pytest.fixture
def masking(run_id: str, tmp_path: Path) -> Iterator[Workbench]:
    workbench = Workbench(run_id, tmp_path, masker=Masker([Needles(SECRET, (SECRET,))]))
    yield workbench
    workbench.executor.close()


@pytest.mark.parametrize(
    ("script", "log"),
    [
        ("printf 'a hunter2/hunter2 b'", b"a *** b"),
        ("printf hunter; sleep 0.2; printf 2/hunter2 >&2; printf ,", b"***,"),
        ("for c in h u n t e r 2 / h u n t e r 2; do printf $c; sleep 0.02; done", b"***"),
        ("printf 'to hunt'", b"to hunt"),
        ("printf hunter2/hun; kill -9 $$", b"***"),
        ("printf ''", b""),
    ],
)
def test_a_secret_is_masked_in_the_log_and_for_all_who_are_told(
    masking: Workbench, script: str, log: bytes
) -> None:
    ended = masking.run("sh", "-c", script)

    assert masking.seen_by_key.get(ended.key, b"") == log
    assert ended.log_bytes == len(log)
    assert os.path.exists(masking.log_path(ended.key)) is bool(log)
    assert not log or masking.log(ended) == log


def test_what_is_held_is_moved_when_the_executor_is_closed(masking: Workbench) -> None:
    key = masking.start("sh", "-c", "printf 'it is hunt'; sleep 100")
    masking.wait_for_output(key, b"it is ")

    masking.executor.close()

    assert masking.seen_by_key[key] == b"it is hunt"
    assert Path(masking.log_path(key)).read_bytes() == b"it is hunt"


def test_a_flood_is_masked_at_every_border_of_a_block(masking: Workbench, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes((SECRET + b" and ") * 50_000)

    ended = masking.run("cat", tmp_path / "text")

    assert masking.log(ended) == b"*** and " * 50_000
    assert masking.seen_by_key[ended.key] == b"*** and " * 50_000


@pytest.mark.parametrize("fault", [plant_link, plant_fifo])
def test_a_secret_is_masked_for_others_when_the_log_cannot_be_written(
    masking: Workbench, fault: Callable[[Path], None]
) -> None:
    fault(masking.folder / "s1.1.log")

    ended = masking.run("echo", "hunter2/hunter2")

    assert masking.seen_by_key[ended.key] == b"***\n"
    assert ended.log_bytes == 0
