from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import List

import pytest

from orchestra.engine.ports import Kept
from orchestra.model.masking import Masker, Needles
from orchestra.model.run import KeptFile
from orchestra.steps import artifacts
from orchestra.steps.artifacts import LIMITS, ArtifactCopy, Limits


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    (tmp_path / "run").mkdir()
    return tmp_path / "work"


def put(work: Path, name: str, data: bytes = b"data") -> Path:
    path = work / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def copier(work: Path, *patterns: str, limits: Limits = LIMITS) -> ArtifactCopy:
    run_dir = str(work.parent / "run")
    return ArtifactCopy(str(work), patterns, run_dir, "artifacts/build", limits)


def keep(work: Path, *patterns: str, limits: Limits = LIMITS) -> Kept:
    copy = copier(work, *patterns, limits=limits)
    return next(kept for kept in iter(copy.advance, 0) if kept is not None)


def names(kept: Kept) -> List[str]:
    return [file.path for file in kept.files]


def test_files_are_copied_whole_hashed_and_private(work: Path) -> None:
    data = os.urandom(3 * artifacts.BLOCK_BYTES + 7)
    put(work, "dist/a.bin", data).chmod(0o777)
    put(work, "dist/b.txt")

    kept = keep(work, "dist/*")

    copy = work.parent / "run/artifacts/build/dist/a.bin"
    digest = hashlib.blake2b(data, digest_size=32).hexdigest()
    assert kept.files[0] == KeptFile("artifacts/build/dist/a.bin", len(data), digest)
    assert (names(kept)[1:], kept.notes) == (["artifacts/build/dist/b.txt"], ())
    assert (copy.read_bytes() == data, copy.stat().st_mode & 0o777) == (True, 0o600)
    folders = [copy.parent, copy.parent.parent]
    assert [folder.stat().st_mode & 0o777 for folder in folders] == [0o700, 0o700]


def test_nothing_has_its_name_before_all_is_whole(work: Path) -> None:
    put(work, "a", b"x" * (artifacts.BLOCK_BYTES * 2))
    put(work, "b")
    copy = copier(work, "*")
    seen = []

    while copy.advance() is None:
        seen.append((work.parent / "run/artifacts/build").exists())

    assert (set(seen), len(seen) > 2) == ({False}, True)
    assert sorted(os.listdir(work.parent / "run/artifacts/build")) == ["a", "b"]
    assert os.listdir(work.parent / "run/artifacts") == ["build"]


def test_what_is_given_up_leaves_nothing(work: Path) -> None:
    put(work, "a", b"x" * (artifacts.BLOCK_BYTES * 5))
    copy = copier(work, "*")
    assert [copy.advance(), copy.advance()] == [None, None]

    kept = copy.give_up()

    assert kept == Kept((), ("the artifacts were not kept: the run was stopped",))
    assert os.listdir(work.parent / "run/artifacts") == []


def test_links_and_special_files_are_left_out(work: Path) -> None:
    secret = put(work.parent, "secret")
    put(work, "real/a")
    os.symlink(str(secret), work / "link")
    os.symlink(str(work.parent), work / "folder")
    os.symlink("real", work / "inside")
    os.mkfifo(work / "fifo")

    kept = keep(work, "**")

    assert names(kept) == ["artifacts/build/real/a"]
    assert kept.notes == ("artifacts: 3 links and 1 special files were left out",)


def test_a_folder_that_becomes_a_link_meanwhile_leads_nowhere(work: Path) -> None:
    put(work.parent, "outside/a", b"secret")
    put(work, "a", b"x" * (artifacts.BLOCK_BYTES * 2))
    put(work, "d/a")
    copy = copier(work, "**")
    assert copy.advance() is None  # `a` is under way, `d` was listed
    os.rename(work / "d", work / "e")
    os.symlink(str(work.parent / "outside"), work / "d")

    kept = next(kept for kept in iter(copy.advance, 0) if kept is not None)

    assert names(kept) == ["artifacts/build/a"]


def test_the_copies_of_an_attempt_before_are_replaced(work: Path) -> None:
    first = put(work, "a")
    keep(work, "*")
    first.unlink()
    put(work, "b")

    kept = keep(work, "*")

    assert names(kept) == ["artifacts/build/b"]
    assert os.listdir(work.parent / "run/artifacts/build") == ["b"]


def test_no_match_is_said(work: Path) -> None:
    assert keep(work, "*.txt", "dist/**") == Kept(
        (), ("artifacts: no file matches *.txt, dist/**",)
    )


def test_a_working_dir_that_has_gone_is_said(work: Path) -> None:
    work.rmdir()

    assert keep(work, "*").notes == (
        "the artifacts could not be kept: its working_dir: No such file or directory",
    )


def test_a_file_that_cannot_be_read_does_not_keep_the_others(work: Path) -> None:
    put(work, "a")
    os.symlink("a", work / "b")
    copy = copier(work, "a", "c")
    put(work, "c/d/" + "/".join(["x"] * 70))

    kept = next(kept for kept in iter(copy.advance, 0) if kept is not None)

    assert names(kept) == ["artifacts/build/a"]
    assert kept.notes[0].endswith("/x: it is too deep and was left out")


@pytest.mark.parametrize(
    ("limits", "kept_names", "what"),
    [
        (Limits(files=2), ["a", "b"], "more than 2 files match"),
        (Limits(size_bytes=9), ["a", "b"], "they have more than 9 B"),
        (Limits(looked_at=1), ["a"], "there are more than 1 files to look at"),
    ],
)
def test_limits_are_said(work: Path, limits: Limits, kept_names: List[str], what: str) -> None:
    for name in ("a", "b", "c"):
        put(work, name)

    kept = keep(work, "*", limits=limits)

    assert [os.path.basename(name) for name in names(kept)] == kept_names
    assert kept.notes == ("artifacts: %s, the rest was left out" % what,)


def test_a_file_that_grows_for_ever_is_cut(work: Path) -> None:
    path = put(work, "log", b"x" * artifacts.BLOCK_BYTES)
    copy = copier(work, "log")
    rounds = 0
    with path.open("ab") as log:
        while (kept := copy.advance()) is None:
            log.write(b"x" * artifacts.BLOCK_BYTES)
            log.flush()
            rounds += 1
            assert rounds < 10
    assert kept.files[0].size_bytes <= 2 * artifacts.BLOCK_BYTES


def test_a_full_disk_leaves_nothing_and_is_said(work: Path) -> None:
    put(work, "a")
    (work.parent / "run/artifacts").symlink_to("/dev/full")

    kept = keep(work, "*")

    assert kept.files == ()
    assert kept.notes[0].startswith("the artifacts could not be kept: ")


def test_names_that_are_no_text_are_kept(work: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    put(work, name)

    assert names(keep(work, "*")) == ["artifacts/build/" + name]


def test_a_file_whose_name_holds_a_secret_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "hunter22.txt").write_text("x")
    (tmp_path / "work" / "plain.txt").write_text("x")
    (tmp_path / "run").mkdir()
    masker = Masker([Needles(b"hunter22", (b"hunter22",))])
    copy = ArtifactCopy(
        str(tmp_path / "work"), ["*.txt"], str(tmp_path / "run"), "artifacts/a", masker=masker
    )
    kept = None
    while kept is None:
        kept = copy.advance()
    assert [file.path for file in kept.files] == ["artifacts/a/plain.txt"]
    assert kept.notes == ("artifacts: a file is not kept, its name holds a secret",)
