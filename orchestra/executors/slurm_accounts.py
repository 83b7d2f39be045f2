"""What sacct says of jobs that the controller has forgotten, where a cluster keeps accounts."""

from __future__ import annotations

from contextlib import suppress
from typing import Iterator, List, Sequence

from orchestra.executors.slurm_client import SlurmClient, SlurmRefusal
from orchestra.executors.slurm_rows import Row

_FIELDS = "JobID,State,ExitCode,JobName%128,NodeList"
_MOST_NAMES = 400
_SINCE = "now-7days"  # else sacct looks no further back than the last midnight


def rows_kept_of(client: SlurmClient, names: Sequence[str]) -> List[Row]:
    """The rows of all jobs of these names; none where sacct is not installed.

    Raises:
        SlurmSilence: the accounts do not answer.
    """
    rows: List[Row] = []
    for begin in range(0, len(names), _MOST_NAMES):
        chosen = "--name=" + ",".join(names[begin : begin + _MOST_NAMES])
        words = ("sacct", "-n", "-P", "-X", "-S", _SINCE, chosen, "-o", _FIELDS)
        with suppress(SlurmRefusal):
            rows.extend(account_rows_of(client.ask(*words)))
    return rows


def account_rows_of(text: str) -> Iterator[Row]:
    """The rows of sacct's answer, such as `12_3|CANCELLED by 0|0:15|train.0f|n1`."""
    for line in text.splitlines():
        fields = line.split("|")
        if len(fields) != 5:
            continue
        job, state, code, name, node = fields
        array, _, index = job.partition("_")
        exit_code, _, number = code.partition(":")
        yield Row(
            array,
            int(index) if index.isdigit() else None,
            state.split(" ")[0],
            int(exit_code or 0) << 8 | int(number or 0),
            name,
            "" if node == "None assigned" else node,
            "",
        )
