"""The processes of tasks on one host: listing them, and who belongs to a task; by `sh` alone.

What runs on a host is the shell and nothing of orchestra, so that workers need not have it.
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Sequence

from orchestra.executors.errands import Claim

LIST = r"""
if [ -r /proc/self/stat ]; then
    for file in /proc/[0-9]*/stat; do
        { read -r line <"$file"; } 2>/dev/null || continue
        pid=${line%% *}
        set -- ${line##*) }
        echo "$pid $1 $2 $3 $4 ${20}"
    done
else
    ps -A -o pid= -o state= -o ppid= -o pgid= | while read -r pid state parent group; do
        echo "$pid $state $parent $group $group -"
    done
fi
"""
"""A script: a line for each process, `PID STATE PARENT GROUP SESSION BEGAN`.

Source: proc(5), /proc/PID/stat, fields 1, 3 to 6 and 22. Where there is no /proc, the process
group stands for the session, and no time is told.
"""

KILL = 'signal=$1; shift; kill -s "$signal" -- "$@" 2>/dev/null; exit 0'
"""A script: sends the signal that is its first word to processes, or to groups by `-GROUP`."""

_NOT_TOLD = "-"
_BEGAN = 19  # of the fields behind the name in /proc/PID/stat


class Process(NamedTuple):
    """A process of a host that has not ended."""

    pid: int
    parent: int
    group: int
    session: int
    began: str


def processes(listing: str) -> List[Process]:
    """What the script told, without those that have ended and wait to be reaped."""
    rows = [line.split() for line in listing.splitlines()]
    return [
        Process(int(pid), int(parent), int(group), int(session), began)
        for pid, state, parent, group, session, began in (row for row in rows if len(row) == 6)
        if state[0] not in "ZX"
    ]


def is_alive(claim: Claim, living: Sequence[Process]) -> bool:
    """Whether the process that started a task still runs."""
    return any(_is_owner(process, claim) for process in living)


def targets(claim: Claim, living: Sequence[Process]) -> List[str]:
    """Whom to send a signal that is for all of a task: its own group at once, others one by one.

    A group gets a signal whole: one by one a child that is forked meanwhile would be passed over.
    """
    found = members(claim, living)
    apart = [process.pid for process in found if process.group != claim.pid]
    group = ["-%d" % claim.pid] if len(apart) < len(found) else []
    return group + [str(pid) for pid in apart]


def members(claim: Claim, living: Sequence[Process]) -> List[Process]:
    """The processes of a task: those of its session, and all that came from them.

    None if the number of its first process has been given to another one since: the kernel does
    not do that while there is anything left of a session.
    """
    leaders = [process for process in living if process.pid == claim.pid]
    if any(not _is_owner(leader, claim) for leader in leaders):
        return []
    children: Dict[int, List[Process]] = {}
    for process in living:
        children.setdefault(process.parent, []).append(process)
    found = [process for process in living if process.session == claim.pid]
    seen = set(found)
    for process in found:  # grows: children of children
        fresh = [child for child in children.get(process.pid, []) if child not in seen]
        seen.update(fresh)
        found.extend(fresh)
    return found


def _is_owner(process: Process, claim: Claim) -> bool:
    fields = claim.stat.rpartition(")")[2].split()
    known = len(fields) > _BEGAN and process.began != _NOT_TOLD
    return process.pid == claim.pid and (not known or process.began == fields[_BEGAN])
