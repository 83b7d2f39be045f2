"""The options of sbatch that a workflow may not give, and what stands for each. Pure.

Source: sbatch(1) of Slurm 22.05. A long option may be cut short, as long as it stays clear.
"""

from __future__ import annotations

from typing import Mapping

_OWN = "orchestra sets it itself"
_ASKED = "say it under `resources` of the step"
_ONE_CLUSTER = "jobs go to the cluster of the Slurm that is installed here"

WHY_BY_OPTION: Mapping[str, str] = {
    "array": _OWN,
    "job-name": _OWN,
    "output": _OWN,
    "error": _OWN,
    "input": _OWN,
    "open-mode": _OWN,
    "chdir": "write `working_dir`",
    "export": "write `env` and `inherit_env`",
    "export-file": "write `env_file`",
    "requeue": "write `retry`: orchestra starts again what has failed",
    "no-requeue": _OWN,
    "wrap": _OWN,
    "parsable": _OWN,
    "wait": "orchestra waits for its jobs",
    "test-only": "nothing would run",
    "help": "nothing would run",
    "usage": "nothing would run",
    "version": "nothing would run",
    "cpus-per-task": _ASKED,
    "mem": _ASKED,
    "mem-per-cpu": _ASKED,
    "gpus": _ASKED,
    "licenses": _ASKED,
    "partition": "write `slurm.partition`",
    "account": "write `slurm.account`",
    "qos": "write `slurm.qos`",
    "time": "write `slurm.time`",
    "clusters": _ONE_CLUSTER,
    "cluster": _ONE_CLUSTER,
}
"""What orchestra or another key says, and what to do instead."""

_LONG_BY_LETTER: Mapping[str, str] = {
    "a": "array",
    "J": "job-name",
    "o": "output",
    "e": "error",
    "i": "input",
    "D": "chdir",
    "W": "wait",
    "h": "help",
    "V": "version",
    "c": "cpus-per-task",
    "G": "gpus",
    "L": "licenses",
    "p": "partition",
    "A": "account",
    "q": "qos",
    "t": "time",
    "M": "clusters",
}

_OTHERS = frozenset(["mem-bind", "gpu-bind", "gpu-freq", "no-kill", "input-file"])
"""Options that are whole words, though they begin as others do."""

_WITHOUT_VALUE = "HIOQksv"
"""Letters behind which another option may stand."""


def name_of(option: str) -> str:
    """Which option it is, as far as that is written: `--mem` of `--mem=1G`, `-J` of `-sJx`."""
    if option.startswith("--"):
        return option.partition("=")[0]
    return "-" + option[1:].lstrip(_WITHOUT_VALUE)[:1]


def why_refused(option: str) -> str:
    """What to do instead of giving sbatch that option, empty for one that may be given.

    It begins with `-`; of a value that it has, nothing counts.
    """
    name = name_of(option)
    if not name.startswith("--"):
        return WHY_BY_OPTION.get(_LONG_BY_LETTER.get(name[1:], ""), "")
    name = name[2:]
    if name in WHY_BY_OPTION:
        return WHY_BY_OPTION[name]
    cut = [known for known in WHY_BY_OPTION if name and known.startswith(name)]
    return "write the name of the option in full" if cut and name not in _OTHERS else ""
