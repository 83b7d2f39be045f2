"""What squeue says of jobs, as values, and what it means. Pure."""

from __future__ import annotations

import re
import signal
from typing import Iterator, NamedTuple, Optional

from orchestra.executors.places import Fate

FORMAT = "ArrayJobID:|,ArrayTaskID:|,State:|,exit_code:|,Name:|,NodeList:|,Reason:"
"""The fields to ask for; suffixes are understood since Slurm 20.11."""

NOT_THERE = 66
"""The exit code of a job whose node has not found what it was to start."""

_LAUNCH_FAILURE = 53  # the signal that stands for one: no working directory, no place for the log
_FINAL = {
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "REVOKED",
    "TIMEOUT",
}
_WAITING = {"CONFIGURING", "PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD"}
# Reasons to wait that nothing ends but a change of the cluster or of the job. Slurm keeps such jobs
# for ever. Source: "Job Reason Codes" in the manual of squeue.
_FOR_EVER = re.compile(
    r"AccountNotAllowed|BadConstraints|DependencyNeverSatisfied|InvalidAccount|InvalidQOS"
    r"|MaxMemPerLimit|PartitionConfig|PartitionNodeLimit|PartitionTimeLimit|QOSNotAllowed"
    r"|(Assoc|QOS)Max\w*(PerJob|PerJobLimit|PerNode|PerNodeLimit)"
)
_MEMORY = re.compile(r"exceeded memory limit(?: \((\d+) >)?|exceeded job memory|oom.?kill", re.I)


class Row(NamedTuple):
    """A job, or an element of an array; `status` is that of its process, as `wait` has it.

    `element` is None where it is no element, or where it stands for all elements that waited when
    their array was cancelled.
    """

    job: str
    element: Optional[int]
    state: str
    status: int
    name: str
    node: str
    reason: str

    @property
    def is_over(self) -> bool:
        """Whether it has ended, for whatever reason."""
        return self.state in _FINAL

    @property
    def is_waiting(self) -> bool:
        """Whether it has not begun."""
        return self.state in _WAITING

    @property
    def was_refused(self) -> bool:
        """Whether it is what Slurm keeps of a job that it did not take in."""
        return self.state == "FAILED" and self.reason == "BadConstraints" and not self.node

    @property
    def never_runs(self) -> bool:
        """Whether it waits for what will not come."""
        return self.is_waiting and _FOR_EVER.fullmatch(self.reason) is not None


class End(NamedTuple):
    """What has become of a job, in words too."""

    fate: Fate
    reason: str = ""
    max_rss_bytes: Optional[int] = None


def rows_of(text: str) -> Iterator[Row]:
    """The rows of squeue's answer to `FORMAT`; a line that is none is left out."""
    for line in text.splitlines():
        fields = [field.strip() for field in line.split("|", 6)]
        if len(fields) != 7:
            continue
        job, index, state, status, name, node, reason = fields
        yield Row(
            job,
            int(index) if index.isdigit() else None,
            state,
            int(status) if status.isdigit() else 0,
            name,
            node,
            "" if reason == "None" else reason,
        )


def end_of(row: Row, log: str) -> End:
    """What a row that is over means, with what the job's own log says."""
    where = " on node %s" % row.node if row.node else ""
    last = _last_line(log)
    if row.state == "FAILED":
        return _failed(row, log, last, where)
    if row.state == "NODE_FAIL":
        return End(Fate.NODE_FAILED, "node %s failed" % row.node if row.node else "its node failed")
    if row.state == "BOOT_FAIL":
        return End(Fate.NODE_FAILED, "its node did not boot: %s" % (row.node or row.reason))
    if row.state == "OUT_OF_MEMORY":
        return _out_of_memory(log, where)
    reasons = {
        "COMPLETED": (Fate.ENDED, ""),
        "CANCELLED": (Fate.CANCELLED, "cancelled in Slurm"),
        "DEADLINE": (Fate.TIME_LIMIT, "ended by Slurm at its deadline"),
        "PREEMPTED": (Fate.PREEMPTED, "preempted%s by another job" % where),
        "REVOKED": (Fate.CANCELLED, "revoked: another cluster has it"),
        "TIMEOUT": (Fate.TIME_LIMIT, "ended by Slurm at its time limit"),
    }
    return End(*reasons[row.state])


def _failed(row: Row, log: str, last: str, where: str) -> End:
    if row.was_refused:
        return End(Fate.NOT_LAUNCHED, "refused by Slurm: %s" % row.reason)
    number = row.status & 0x7F
    if number == _LAUNCH_FAILURE:
        said = last or (
            "Slurm could not start it and it wrote no log; "
            "is the folder of the run one that every node sees?"
        )
        return End(Fate.NOT_LAUNCHED, "not started%s: %s" % (where, said))
    if row.status >> 8 == NOT_THERE and not number and last:
        return End(Fate.NOT_LAUNCHED, "not started%s: %s" % (where, last))
    if number == signal.SIGKILL and _MEMORY.search(log):
        return _out_of_memory(log, where)
    if number:
        name = _signal_name(number)
        return End(Fate.CANCELLED, "ended%s by %s from outside" % (where, name))
    return End(Fate.ENDED)


def _out_of_memory(log: str, where: str) -> End:
    measured = [int(found) for found in _MEMORY.findall(log) if found]
    return End(
        Fate.OUT_OF_MEMORY,
        "ended by Slurm%s: over its memory" % where,
        max(measured) if measured else None,
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "signal %d" % number


def _last_line(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return lines[-1].partition("error: ")[2] or lines[-1] if lines else ""
