"""The functions of expressions that read files: `glob` and `hash_files`. Never writes."""

from __future__ import annotations

import glob
import hashlib
import os
from functools import partial
from typing import Callable, Dict, List

from orchestra.model.expression import ExpressionError, Value

_BLOCK_BYTES = 1 << 20


def file_functions(folder: str) -> Dict[str, Callable[..., Value]]:
    """The functions, with relative patterns starting at `folder`, the workflow's own."""
    return {"glob": partial(_glob, folder), "hash_files": partial(_hash_files, folder)}


def _glob(folder: str, pattern: Value) -> List[str]:
    """The paths that match, sorted, as the pattern spells them; `**` crosses folders."""
    if not isinstance(pattern, str):
        raise ExpressionError("glob takes a pattern as text")
    if "\0" in pattern:
        raise ExpressionError("glob: the pattern holds a NUL byte")
    # `root_dir` came with Python 3.10
    start = os.path.join(glob.escape(folder), "")
    absolute = os.path.isabs(pattern)
    found = glob.glob(pattern if absolute else start + pattern, recursive=True)
    cut = 0 if absolute else len(os.path.join(folder, ""))
    return sorted(path[cut:] for path in found)


def _hash_files(folder: str, *patterns: Value) -> str:
    """A digest of the names and contents of all files that match, 32 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=16)
    names = sorted({name for pattern in patterns for name in _glob(folder, pattern)})
    for name in names:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            digest.update(b"%d:" % len(os.fsencode(name)) + os.fsencode(name))
            digest.update(_digest_of(path))
    return digest.hexdigest()


def _digest_of(path: str) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    try:
        with open(path, "rb") as file:
            for block in iter(lambda: file.read(_BLOCK_BYTES), b""):
                digest.update(block)
    except OSError as fault:
        raise ExpressionError("hash_files: %s: %s" % (path, fault.strerror)) from None
    return digest.digest()
