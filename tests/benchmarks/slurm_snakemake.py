"""Snakemake with its plugin for Slurm, as it is measured: silent steps, each a job."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path
from typing import Mapping

from tests.benchmarks.contenders import Contender
from tests.benchmarks.descriptions import DESCRIPTIONS
from tests.benchmarks.graphs import steps_of, wide

# Looks at jobs as often as the plugin permits, for which the shipped value is 40 s. squeue, since
# without accounts Slurm's sacct says nothing.
_OPTIONS = (
    *("--executor", "slurm", "--latency-wait", "10", "--slurm-no-account"),
    *("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "1"),
    *("--seconds-between-status-checks", "1"),
)


def snakemake_on(
    environ: Mapping[str, str], program: Path, folder: Path, tasks: int, memory_mb: int
) -> Contender:
    """So many independent steps on the cluster whose clients need `environ`, all at once.

    All it writes is in the folder, temporary files included.
    """
    for file, text in DESCRIPTIONS["snakemake"](steps_of(wide(tasks), "true")).items():
        (folder / file).write_text(text)
    (folder / "tmp").mkdir()
    resources = ["--default-resources", "mem_mb=%d" % memory_mb, "slurm_partition=main"]
    argv = [str(program), "--jobs", str(tasks), *_OPTIONS, *resources]
    path = "%s%s%s" % (_own_srun(folder / "bin", environ), os.pathsep, os.environ["PATH"])
    own = {"XDG_CACHE_HOME": str(folder / "cache"), "TMPDIR": str(folder / "tmp")}
    return Contender(
        "snakemake", argv, int, folder, {**environ, **own, "PATH": path, "SHELL": "/bin/sh"}
    )


def _own_srun(folder: Path, environ: Mapping[str, str]) -> Path:
    """A folder with an `srun` that finds the cluster.

    Within a job the plugin calls srun without SLURM_CONF: it keeps but a few of Slurm's variables.
    """
    folder.mkdir()
    given = " ".join(shlex.quote("%s=%s" % each) for each in environ.items())
    real = shutil.which("srun") or "srun"
    script = '#!/bin/sh\nexec env %s %s "$@"\n' % (given, shlex.quote(real))
    (folder / "srun").write_text(script)
    (folder / "srun").chmod(0o755)
    return folder
