"""Places a store can be kept in: open to an ordinary user, on a disk that is nearly full."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

import pytest

from orchestra.store.directory import StateDirectory
from orchestra.store.sqlite import RunStore

NOBODY = 65534


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    return StateDirectory(str(tmp_path / ".orchestra"))


@pytest.fixture
def store(state: StateDirectory) -> Iterator[RunStore]:
    store = RunStore(state)
    yield store
    store.close()


@pytest.fixture
def ordinary_user() -> Iterator[Path]:
    """A folder of an ordinary user, whom file modes stop, and the test running as that user."""
    folder = Path(tempfile.mkdtemp())
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    yield folder
    if is_root:
        os.seteuid(0)
    os.chmod(folder, 0o700)
    shutil.rmtree(folder)


class SmallDisk(NamedTuple):
    """A folder on a disk that can be made full, and given room again."""

    folder: Path
    fill: Callable[[], object]
    free: Callable[[], object]


@pytest.fixture
def small_disk() -> Iterator[SmallDisk]:
    """A small file system where one can be mounted, else a limit to the size of files."""
    folder = Path(tempfile.mkdtemp())  # pytest cannot clear away a mount that a killed test leaves
    mount = ["sh", "-c", 'mount -t tmpfs -o size=1m none "$0"', str(folder)]
    if subprocess.run(mount, stderr=subprocess.DEVNULL, check=False).returncode == 0:
        ballast = folder / "ballast"
        yield SmallDisk(folder, lambda: write_until_full(ballast), ballast.unlink)
        subprocess.run(["umount", "-l", str(folder)], check=True)
    else:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        yield SmallDisk(
            folder,
            lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard)),
            lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard)),
        )
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    shutil.rmtree(folder)


def write_until_full(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
