"""The schema of JUnit reports, from the sources of pytest: no package installs one."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import xmlschema

_PYTEST = "pytest==8.3.5"
_MEMBER = "pytest-8.3.5/testing/example_scripts/junit-10.xsd"


def load_junit_schema(folder: Path) -> xmlschema.XMLSchema:
    """The schema of Jenkins' xUnit plugin; `folder` is where it is put."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=pytest"]
    subprocess.run([*pip, "--dest", str(folder), _PYTEST], check=True, timeout=300)
    (archive,) = folder.glob("pytest-*.tar.gz")
    with tarfile.open(archive) as sources:
        member = sources.extractfile(_MEMBER)
        assert member is not None
        return xmlschema.XMLSchema(member.read().decode())
