"""The programs that orchestra is measured beside: where they are, and how they come to be there.

A program that the machine has is used as it is. What is missing goes into a cache folder: an
environment of Python's for what PyPI has, unpacked packages of Debian's. Nothing else is changed,
but for the lists of apt where root has none yet.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple


class Program(NamedTuple):
    """How to know a program and where to get it; `package` is the name on PyPI or in Debian.

    Where `version` is empty the program is not asked: the version is that of the package.
    """

    name: str
    registry: str
    package: str
    version: str
    known_as: Tuple[str, ...] = ()
    """What it may be called on PATH, where only that name is its own."""
    needs: Tuple[str, ...] = ()
    """Packages that have to be installed with it and are not by themselves."""


class Installed(NamedTuple):
    """A program that is there."""

    path: Path
    version: str


_NUMBER = r"^(\d\S*)"
PROGRAMS: Mapping[str, Program] = {
    "ninja": Program("ninja", "pypi", "ninja", _NUMBER, ("ninja",)),
    "make": Program("make", "debian", "make", r"^GNU Make (\S+)", ("make", "gmake")),
    "parallel": Program("parallel", "debian", "parallel", r"^GNU parallel (\S+)", ("parallel",)),
    # `task` is also Taskwarrior; the package on npm fetches the program from elsewhere
    "go-task": Program("task", "pypi", "go-task-bin", r"(\d+\.\S+)", ("go-task",)),
    "doit": Program("doit", "pypi", "doit", _NUMBER, ("doit",)),
    "luigi": Program("luigi", "pypi", "luigi", ""),
    "snakemake": Program("snakemake", "pypi", "snakemake", _NUMBER, ("snakemake",)),
    # a plugin is found beside its own Snakemake alone, so that one on PATH will not do
    "snakemake-slurm": Program(
        "snakemake", "pypi", "snakemake-executor-plugin-slurm", "", needs=("snakemake",)
    ),
}


def default_cache() -> Path:
    """Where programs are kept from one benchmark to the next."""
    caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(caches).expanduser() / "orchestra-benchmarks"


def find(name: str, cache: Path) -> Optional[Installed]:
    """The program on PATH, else in the cache, if it is the one that is meant."""
    program = PROGRAMS[name]
    places = [found for found in map(shutil.which, program.known_as) if found]
    places.append(str(_folders(cache)[program.registry] / "bin" / program.name))
    for place in filter(os.path.exists, places):
        version = _version(Path(place), program)
        if version:
            return Installed(Path(place), version)
    return None


def provide(names: Sequence[str], cache: Path) -> Dict[str, Optional[Installed]]:
    """The programs, installed into the cache where they are missing; None where that failed."""
    missing = [PROGRAMS[name] for name in names if find(name, cache) is None]
    for registry, install in (("pypi", _from_pypi), ("debian", _from_debian)):
        packages = [
            package
            for program in missing
            if program.registry == registry
            for package in (*program.needs, program.package)
        ]
        if packages:
            sys.stderr.write("installing %s into %s\n" % (", ".join(packages), cache))
            folder = _folders(cache)[registry]
            folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                install(packages, folder)
            except (OSError, subprocess.CalledProcessError) as error:
                sys.stderr.write("not installed: %s\n" % error)
    return {name: find(name, cache) for name in names}


def _folders(cache: Path) -> Dict[str, Path]:
    """Where the programs of a registry are: in `bin` of the folder."""
    return {"pypi": cache / ("python%d.%d" % sys.version_info[:2]), "debian": cache / "debian/usr"}


def _version(path: Path, program: Program) -> Optional[str]:
    """What the program says of itself; None where it is another of the same name."""
    asked = [str(path), "--version"]
    if not program.version:
        script = "import importlib.metadata; print(importlib.metadata.version(%r))"
        asked = [str(path.with_name("python")), "-c", script % program.package]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except OSError:
        return None
    found = re.search(program.version or _NUMBER, said.stdout)
    return found.group(1) if found and not said.returncode else None


def _from_pypi(packages: List[str], folder: Path) -> None:
    python = str(folder / "bin/python")
    if not os.path.exists(python):
        venv.create(str(folder), with_pip=True)
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    for package in packages:  # one by one: what one of them cannot have is no matter of the others
        subprocess.run([*pip, "install", package], check=False)


def _from_debian(packages: List[str], folder: Path) -> None:
    if os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-qq"], check=False)
    unpacked = folder.parent
    unpacked.mkdir(exist_ok=True)
    download = ["apt-get", "download", "-qq", *packages]
    subprocess.run(download, cwd=str(unpacked), check=True, stdout=subprocess.DEVNULL)
    for archive in sorted(unpacked.glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", str(archive), str(unpacked)], check=True)
        archive.unlink()
