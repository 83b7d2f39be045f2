"""The masking of output: what searching it for five secrets costs, beside a copy without it.

python -m tests.benchmarks.masking [--megabytes 200] [--rounds 5] [FOLDER]
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import string
import sys
import tempfile
import time
from typing import List, Optional

from orchestra.executors.output import BLOCK_BYTES, Output
from orchestra.model.masking import Masker
from orchestra.model.secret_forms import needles_of

_SIGNS = string.ascii_letters + string.digits + "+/-_!%&="
_SECRETS = (16, 20, 24, 40, 64)
"""Characters of a password, a key id, a longer password, a token, a key."""


def realistic(size: int, secrets: List[str], draw: random.Random) -> bytes:
    """Lines of a log, a secret in one of a thousand."""
    words = [
        "".join(draw.choices(string.ascii_lowercase, k=draw.randint(2, 10))) for _ in range(2000)
    ]
    lines, length = [], 0
    while length < size:
        number = len(lines)
        text = draw.choice(secrets) if number % 1000 == 999 else " ".join(draw.choices(words, k=8))
        at = "2026-11-22T14:%02d:%02d.%03dZ" % (number // 60 % 60, number % 60, number % 1000)
        about = (at, number % 8, text, number, draw.random())
        lines.append("%s INFO  worker-%d %s id=%d in %.3f ms\n" % about)
        length += len(lines[-1])
    return "".join(lines).encode()


def measure(folder: str, text: bytes, rounds: int, masker: Optional[Masker]) -> float:
    """Megabytes a CPU second from a pipe to a log, masked or as they are."""
    path = os.path.join(folder, "log")
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    output = Output(reader, writer, path, print, masker.stream() if masker else None)
    block = memoryview(bytearray(BLOCK_BYTES))
    spent = 0.0
    for start in range(0, len(text) * rounds, BLOCK_BYTES):
        rest = memoryview(text)[start % len(text) :][:BLOCK_BYTES]
        while rest:
            rest = rest[os.write(writer, rest) :]
            begun = time.process_time()
            output.pump(block)
            spent += time.process_time() - begun
    output.finish()
    output.close()
    os.unlink(path)
    return len(text) * rounds / spent / 1e6


def main() -> None:
    """Measure and say what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("folder", nargs="?", default="/dev/shm")
    chosen = parser.parse_args()
    draw = random.Random(1)
    secrets = ["".join(draw.choices(_SIGNS, k=size)) for size in _SECRETS]
    masker = Masker(needles_of(secrets))
    text = realistic(8 << 20, secrets, draw)
    repeats = max(1, chosen.megabytes * 1_000_000 // len(text))
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        pairs = [
            (measure(folder, text, repeats, None), measure(folder, text, repeats, masker))
            for _ in range(chosen.rounds)
        ]
    raw, masked = (statistics.median(column) for column in zip(*pairs))
    sys.stdout.write("raw copy     %6.0f MB per CPU-second\n" % raw)
    sys.stdout.write("masked       %6.0f MB per CPU-second, %d secrets\n" % (masked, len(secrets)))


if __name__ == "__main__":
    main()
