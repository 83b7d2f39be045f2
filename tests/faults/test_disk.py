"""No room on the disk, a store that gives errors: in order, and said why."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Callable, Iterator, List

import pytest

from tests.effort import some
from tests.faults import oracle
from tests.faults.trial import Ended, Trial

TEN = """
version: 1
steps:
  first: {run: 'echo first; echo %s'}
  slow: {needs: first, run: 'sleep 0.2; echo slow'}
  loud: {needs: first, run: 'head -c 3M /dev/zero'}
  last: {needs: [slow, loud], run: echo last}
""" % ("x" * 100)


def limited(most: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def all_is_in_order(trial: Trial, ended: Ended) -> bool:
    """No traceback, nothing left, and it said more than nothing."""
    mark = b"HOME=" + os.fsencode(trial.folder)
    return (
        "Traceback" not in ended.err
        and ended.out + ended.err != ""
        and oracle.leftovers(mark) == []
    )


def test_a_limit_to_the_size_of_files_ends_a_run_in_words(tmp_path: Path) -> None:
    trial = Trial(tmp_path, TEN)
    limit = limited(256 * 1024)

    ended = trial.run("run", "p.yaml", preexec_fn=limit)

    assert ended.code == 3
    assert all_is_in_order(trial, ended)
    assert "loud.1.log: File too large" in ended.out + ended.err


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 1 MB."""
    folder = Path(tempfile.mkdtemp())
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)]
    if subprocess.run(mount, stderr=subprocess.DEVNULL, check=False).returncode != 0:
        folder.rmdir()
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
    shutil.rmtree(folder)


def fill(folder: Path) -> Path:
    ballast = folder / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return ballast


def test_a_disk_that_fills_in_mid_run_ends_it_with_3_and_names_the_file(
    tmp_path: Path, small_disk: Path
) -> None:
    trial = Trial(tmp_path, TEN)

    ended = trial.run("run", "p.yaml", "--state-dir", str(small_disk / "state"))

    assert ended.code == 3
    assert all_is_in_order(trial, ended)
    assert "No space left on device" in ended.out + ended.err or "disk is full" in ended.err
    assert str(small_disk) in ended.out + ended.err


def test_a_disk_that_is_full_starts_nothing_and_works_once_it_has_room(
    tmp_path: Path, small_disk: Path
) -> None:
    trial = Trial(tmp_path, TEN.replace("3M", "3"))
    how = ("run", "p.yaml", "--state-dir", str(small_disk / "state"))
    ballast = fill(small_disk)

    full = trial.run(*how)
    ballast.unlink()
    freed = trial.run(*how)

    assert (full.code, full.out) == (3, "")
    assert all_is_in_order(trial, full)
    assert "free some space on its file system" in full.err
    assert (freed.code, freed.err) == (0, "")


FILLS = """
version: 1
steps:
  first: {run: 'echo first >> ledger'}
  fill:
    needs: first
    run: 'if [ ! -e full ]; then touch full; cat /dev/zero > "$BALLAST"; fi; echo fill >> ledger'
  then: {needs: fill, foreach: "${{ range(40) }}", run: 'echo then >> ledger; echo ${{ item }}'}
  last: {needs: then, run: 'echo last >> ledger'}
"""


def test_a_run_whose_disk_was_full_goes_on_once_it_has_room(
    tmp_path: Path, small_disk: Path
) -> None:
    trial = Trial(tmp_path, FILLS)
    ballast = small_disk / "ballast"
    trial.environ["BALLAST"] = str(ballast)
    where = ("--state-dir", str(small_disk / "state"))

    full = trial.run("run", "p.yaml", *where)
    known = oracle.successes(trial.json("show", *where))
    begun = trial.text("ledger").split()
    again = trial.run("resume", *where)
    ballast.unlink()
    freed = trial.run("resume", *where)

    assert (full.code, again.code, freed.code) == (3, 3, 0)
    assert all_is_in_order(trial, full)
    assert all_is_in_order(trial, again)
    assert "first" in known
    words = trial.text("ledger").split()
    assert (words.count("first"), words.count("last")) == (1, 1)
    assert words.count("then") - begun.count("then") <= 40 - len(known - {"first", "fill"})
    assert trial.json("show", *where)["state"] == "succeeded"


def injected(folder: Path, call: str, how: str) -> List[str]:
    """Lets system calls on the store fail."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    database = str(folder / ".orchestra" / "runs.db")
    paths = [word for end in ("", "-wal", ".new") for word in ("-P", database + end)]
    trace = ["strace", "-f", "-D", "-q", "-o", "/dev/null", *paths]
    return [*trace, "-e", "trace=" + call, "-e", "inject=%s:%s" % (call, how)]


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("first", some([1, 2, 5, 9, 14, 19, 24, 29], 4))
@pytest.mark.parametrize("call", ["pwrite64", "fdatasync"])
def test_a_store_that_can_no_longer_be_written_ends_a_run_in_order(
    tmp_path: Path, call: str, first: int, error: str
) -> None:
    trial = Trial(tmp_path, TEN)
    under = injected(tmp_path, call, "error=%s:when=%d+" % (error, first))

    ended = trial.run("run", "p.yaml", "--output", "quiet", under=under)

    assert ended.code in ((3,) if call == "pwrite64" else (0, 3))
    assert all_is_in_order(trial, ended)


@pytest.mark.parametrize("number", some([2, 1, 3, 5, 9, 15, 22], 4))
def test_one_error_of_the_store_doubles_no_event(tmp_path: Path, number: int) -> None:
    trial = Trial(tmp_path, TEN)
    under = injected(tmp_path, "pwrite64", "error=EIO:when=%d" % number)

    ended = trial.run("run", "p.yaml", "--output", "json", under=under)

    assert ended.code == 3
    told = [json.loads(line)["seq"] for line in ended.out.splitlines()]
    assert told == list(range(1, len(told) + 1))
    assert trial.run("runs", log="look").code == 0


def test_a_read_only_folder_is_refused_before_anything_starts(
    tmp_path: Path, small_disk: Path
) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    trial = Trial(tmp_path, "version: 1\nsteps:\n  a: {run: touch ran}\n")

    ended = trial.run("run", "p.yaml", "--state-dir", str(small_disk / "state"))

    assert (ended.code, ended.out) == (3, "")
    assert "the file system is read-only" in ended.err
    assert not (tmp_path / "ran").exists()
