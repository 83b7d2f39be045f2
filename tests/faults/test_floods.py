"""Steps that write much: memory stays bounded, and the log holds exactly what they wrote.

`ORCHESTRA_EFFORT=full` makes it a gigabyte, and 200 MB without a newline.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Dict, NamedTuple

import pytest

from tests.effort import FULL, some
from tests.faults.trial import Trial

MIB = 2**20
LINES_MIB = 1024 if FULL else 64
ONE_LINE_MIB = 200 if FULL else 64
ROOM_MIB = 100

BLOCK_BY_KIND: Dict[str, bytes] = {
    "lines": b"0123456789abcde\n" * 4096,
    "one line": b"0123456789abcdef" * 4096,
}
MIB_BY_KIND = {"lines": LINES_MIB, "one line": ONE_LINE_MIB}

WORKFLOW = """
version: 1
steps:
  flood: {command: [sh, -c, 'while cat block; do :; done | head -c %d']}
"""


class Flooded(NamedTuple):
    """How it ended: its code, the peak of its memory, and what the log holds."""

    code: int
    peak_mib: float
    size: int
    digest: str


def flood(folder: Path, kind: str, size_mib: int, mode: str) -> Flooded:
    folder.mkdir(exist_ok=True)
    trial = Trial(folder, WORKFLOW % (size_mib * MIB))
    (folder / "block").write_bytes(BLOCK_BY_KIND[kind])
    process = trial.start("run", "p.yaml", "--output", mode)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -1
    (log,) = (folder / ".orchestra" / "runs").glob("*/logs/flood.1.log")
    digest = hashlib.blake2b()
    with log.open("rb") as file:
        for block in iter(lambda: file.read(MIB), b""):
            digest.update(block)
    return Flooded(
        process.returncode, usage.ru_maxrss / 1024, log.stat().st_size, digest.hexdigest()
    )


def wanted(kind: str, size_mib: int) -> str:
    digest = hashlib.blake2b()
    for _ in range(size_mib * MIB // len(BLOCK_BY_KIND[kind])):
        digest.update(BLOCK_BY_KIND[kind])
    return digest.hexdigest()


@pytest.mark.parametrize("mode", some(["plain", "stream", "quiet", "json"], 2))
@pytest.mark.parametrize("kind", ["lines", "one line"])
def test_a_flood_is_kept_byte_for_byte_in_bounded_memory(
    tmp_path: Path, kind: str, mode: str
) -> None:
    base = flood(tmp_path / "base", kind, 1, mode)

    flooded = flood(tmp_path / "flood", kind, MIB_BY_KIND[kind], mode)

    size_mib = MIB_BY_KIND[kind]
    assert flooded._replace(peak_mib=0) == Flooded(0, 0, size_mib * MIB, wanted(kind, size_mib))
    assert flooded.peak_mib - base.peak_mib < ROOM_MIB
