"""Schemas of formats as others publish them: in the sources of packages, for none installs one."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path


def published(package: str, member: str, folder: Path) -> bytes:
    """A file from the sources of `NAME==VERSION`, which are put into the folder."""
    name = package.partition("==")[0]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=" + name]
    # it is not to run: what Python it asks for does not matter
    pip += ["--ignore-requires-python", "--dest", str(folder), package]
    subprocess.run(pip, check=True, timeout=300)
    with tarfile.open(next(folder.glob(name + "-*.tar.gz"))) as sources:
        file = sources.extractfile("%s/%s" % (package.replace("==", "-"), member))
        assert file is not None
        return file.read()
