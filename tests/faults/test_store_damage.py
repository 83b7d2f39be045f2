"""A store that was cut, overwritten or robbed of its side files: 0 or 3, never a traceback."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Callable, Dict, List, Tuple

import pytest

from tests.effort import some
from tests.faults.trial import Ended, Trial, engine_of, kill, wait_until, wait_until_gone

STEPS = """
version: 1
steps:
  a: {matrix: {n: [1, 2, 3, 4, 5, 6]}, run: 'echo ${{ matrix.n }}', shell: sh}
  b: {needs: a, run: '%s', shell: sh}
"""

PAGE = 4096
LENGTHS = (0, 1, 15, 16, 18, 50, 99, 100, 512, 4095, *range(PAGE, 14 * PAGE, PAGE))
COMMANDS = (("show",), ("runs",), ("logs",), ("why", "b"), ("run", "p.yaml"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a trial whose run is over; nothing is left in side files."""
    folder = tmp_path_factory.mktemp("whole")
    assert Trial(folder, STEPS % "sleep 0.1").run("run", "p.yaml").code == 0
    assert sorted(os.listdir(folder / ".orchestra")) == [
        ".gitignore",
        "runs",
        "runs.db",
        "runs.lock",
    ]
    return folder


@pytest.fixture(scope="module")
def torn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a trial that was killed: most of its record is in the WAL."""
    folder = tmp_path_factory.mktemp("torn")
    trial = Trial(folder, STEPS % "until test -e go; do sleep 0.02; done")
    process = trial.start("run", "p.yaml", "--output", "json")
    wait_until(lambda: '"AttemptLaunched","step":"b"' in trial.text("out.out"), "b did not begin")
    kill(engine_of(process.pid))
    (folder / "go").touch()
    trial.end(process)
    wait_until_gone(next((folder / ".orchestra" / "runs").iterdir()).name)
    assert (folder / ".orchestra" / "runs.db-wal").stat().st_size > 4 * PAGE
    return folder


class Damaged:
    """A copy of a record that was damaged, and what commands make of it."""

    def __init__(self, folder: Path, original: Path) -> None:
        shutil.copytree(original / ".orchestra", folder / ".orchestra")
        self.database = folder / ".orchestra" / "runs.db"
        self._trial = Trial(folder, STEPS % "true")

    def ends(self) -> Dict[Tuple[str, ...], Ended]:
        return {command: self._trial.run(*command) for command in COMMANDS}

    def faults(self) -> List[str]:
        """What is no answer to damage, of all commands."""
        return [
            "%s: %s" % (command, ended)
            for command, ended in self.ends().items()
            if not answers(ended)
        ]


def answers(ended: Ended) -> bool:
    """Whether a command went well or said what is wrong."""
    return ended.code in (0, 3) and "Traceback" not in ended.err + ended.out


@pytest.mark.parametrize("length", some(LENGTHS, 6))
def test_a_record_that_was_cut_is_told_in_words(tmp_path: Path, whole: Path, length: int) -> None:
    damaged = Damaged(tmp_path, whole)
    os.truncate(damaged.database, min(length, damaged.database.stat().st_size))

    assert damaged.faults() == []


@pytest.mark.parametrize("length", some([0, 31, 32, 100, 4151, 4152, 8000, 8272, 20000], 3))
def test_a_journal_that_was_cut_is_told_in_words(tmp_path: Path, torn: Path, length: int) -> None:
    damaged = Damaged(tmp_path, torn)
    os.truncate(str(damaged.database) + "-wal", length)

    assert damaged.faults() == []


def overwrite(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: Dict[str, Callable[[Path], object]] = {
    "garbage header": lambda path: overwrite(path, 0, b"\xa5" * 100),
    "zero header": lambda path: overwrite(path, 0, bytes(100)),
    "text": lambda path: path.write_bytes(b"hello " * 2000),
    "gone": os.unlink,
    "a folder": make_folder,
    "wal gone": lambda path: path.with_name("runs.db-wal").unlink(),
    "wal garbage": lambda path: overwrite(path.with_name("runs.db-wal"), 0, b"\x5a" * 5000),
    "shm gone": lambda path: path.with_name("runs.db-shm").unlink(),
    "shm garbage": lambda path: overwrite(path.with_name("runs.db-shm"), 0, b"\x5a" * 5000),
    "shm empty": lambda path: os.truncate(path.with_name("runs.db-shm"), 0),
    "no folder of runs": lambda path: shutil.rmtree(path.with_name("runs")),
}


@pytest.mark.parametrize("damage", sorted(DAMAGES))
def test_a_record_that_was_spoiled_is_told_in_words(
    tmp_path: Path, torn: Path, damage: str
) -> None:
    damaged = Damaged(tmp_path, torn)
    DAMAGES[damage](damaged.database)

    assert damaged.faults() == []


@pytest.mark.parametrize("command", [("runs",), ("show",), ("resume",), ("runs", "-n", "1")])
def test_a_run_whose_record_is_gone_with_the_journal_is_told_to_be_lost(
    tmp_path: Path, torn: Path, command: Tuple[str, ...]
) -> None:
    damaged = Damaged(tmp_path, torn)
    DAMAGES["wal gone"](damaged.database)
    (folder,) = (tmp_path / ".orchestra" / "runs").iterdir()

    ended = Trial(tmp_path, STEPS % "true").run(*command)

    assert (ended.code, ended.out) == (3, "")
    assert "store damaged: run %s is not in it any more\n" % folder.name in ended.err
    assert "help: put a copy of the record back" in ended.err


@pytest.mark.parametrize("page", some(range(1, 14), 4))
def test_a_page_of_junk_is_told_in_words(tmp_path: Path, whole: Path, page: int) -> None:
    damaged = Damaged(tmp_path, whole)
    overwrite(damaged.database, page * PAGE, b"\xa5" * PAGE)

    assert damaged.faults() == []


@pytest.mark.parametrize("length", some([0, 50, PAGE, 3 * PAGE], 2))
def test_damage_never_means_that_all_starts_anew(tmp_path: Path, whole: Path, length: int) -> None:
    damaged = Damaged(tmp_path, whole)
    os.truncate(damaged.database, length)
    before = damaged.database.read_bytes()

    ended = damaged.ends()[("run", "p.yaml")]

    assert (ended.code, ended.out) == (3, "")
    assert "store damaged: " in ended.err
    assert damaged.database.read_bytes() == before
