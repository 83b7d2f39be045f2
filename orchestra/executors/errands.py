"""The folder of an attempt that another machine runs: made, read, signalled, removed. Never waits.

Whoever runs `sh FOLDER/start` first takes the claim; the script writes the output down as it comes,
and at last how it ended. All of it is the only news of an attempt that needs no engine.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from typing import List, NamedTuple, Optional, Sequence

from orchestra.executors.process import kill_group, signal_name, signal_number
from orchestra.executors.wrapper import start_script
from orchestra.model.run import AttemptKey, Invocation

_STRANGE = re.compile(r"[^A-Za-z0-9._-]+")
_SHOWN = 36
_LARGEST_RECORD = 1 << 16
_LINES_OF_CLAIM = 5
_LINES_OF_END = 6
_STARTED_FIELD = 19  # of those behind the name in /proc/PID/stat. Source: proc(5), field 22.


class Claim(NamedTuple):
    """Where an attempt was started: the machine, the pid of its script, when (UTC seconds).

    `stat` is what /proc said of that process, empty where there is none.
    """

    node: str
    pid: int
    began_at: float
    stat: str


class EndRecord(NamedTuple):
    """How an attempt ended, as its script wrote it down; times are UTC seconds of its machine.

    One of `exit_code`, `signal` (a name) and `refusal` is set. `cpu_s` is that of the step, and
    some thousandths of a second of the script.
    """

    exit_code: Optional[int]
    signal: Optional[str]
    refusal: str
    began_at: float
    ended_at: float
    node: str
    cpu_s: Optional[float]


def task_name(run_id: str, key: AttemptKey) -> str:
    """The name of an attempt among all jobs of all runs: `[A-Za-z0-9._-]`, 60 signs at most."""
    whole = "\0".join((run_id, key.step, str(key.number)))
    digest = hashlib.blake2b(whole.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
    return "o-%s.%d-%s" % (_STRANGE.sub("-", key.step)[:_SHOWN], key.number % 1000, digest)


def errands_of(folder: str) -> str:
    """Where a run keeps the folders of its attempts elsewhere; `folder` is the run's, absolute."""
    return folder + "/errands"


def current_umask() -> int:
    """The umask of this process, which steps have."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def make_errand(folder: str, invocation: Invocation, umask: int) -> None:
    """Make the folder of an attempt; its parent is made as well.

    Raises:
        OSError: it cannot be made, or is there already.
    """
    try:
        os.mkdir(folder, 0o700)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(folder), 0o700, exist_ok=True)
        os.mkdir(folder, 0o700)
    with contextlib.suppress(OSError):  # there are file systems without; the script looks
        os.mkfifo(folder + "/pipe", 0o600)
    _write(folder + "/start", start_script(folder, invocation, umask))
    _write(folder + "/output", b"")


def remove_errand(folder: str) -> None:
    """Remove all of an attempt's folder that can be removed."""
    shutil.rmtree(folder, ignore_errors=True)


def has_vanished(folder: str) -> bool:
    """Whether somebody has removed the folder of an attempt, and not all of its run."""
    run_folder = os.path.dirname(os.path.dirname(folder))
    return not os.path.isdir(folder) and os.path.isdir(run_folder)


def forestall(folder: str) -> bool:
    """Take the claim of an attempt, so that it is never started; False if it has been started.

    One that was taken so before is known by a file in it.
    """
    barred = folder + "/claim/barred"
    try:
        os.mkdir(folder + "/claim", 0o700)
    except FileExistsError:
        return os.path.exists(barred)
    except FileNotFoundError:
        return True
    with contextlib.suppress(OSError):
        _write(barred, b"")
    return True


def read_claim(folder: str) -> Optional[Claim]:
    """Who started an attempt; None if nobody has, or has not yet said so."""
    raw = _read(folder + "/claim/by")
    if raw is None:
        return None
    lines = raw.split("\n")
    if len(lines) <= _LINES_OF_CLAIM or not lines[1].isdigit():
        return None
    return Claim(lines[0], int(lines[1]), _seconds(lines[2]), lines[3])


def read_end(folder: str) -> Optional[EndRecord]:
    """How an attempt ended; None if it has not, or nobody wrote that down."""
    raw = _read(folder + "/end")
    lines = [] if raw is None else raw.split("\n", _LINES_OF_END)
    if len(lines) <= _LINES_OF_END:
        return None
    kind, _, number = lines[0].partition(" ")
    return EndRecord(
        exit_code=int(number) if kind == "exit" else None,
        signal=signal_name(int(number)) if kind == "signal" else None,
        refusal=lines[_LINES_OF_END] or "it could not be started" if kind == "refused" else "",
        began_at=_seconds(lines[1]),
        ended_at=_seconds(lines[2]),
        node=lines[3],
        cpu_s=_cpu_s(lines[5]),
    )


def is_running_here(claim: Claim) -> bool:
    """Whether the process of a claim runs on this machine."""
    return claim.node == os.uname().nodename and _is_same(claim)


def signal_group(folder: str, name: str) -> bool:
    """Signal the process group of an attempt that was started on this machine as its leader.

    For engines that cannot do so themselves. False if it was started elsewhere, or is over, or does
    not lead a group of its own: whoever starts the script for this uses `setsid`.
    """
    claim = read_claim(folder)
    if claim is None or not is_running_here(claim):
        return False
    try:
        if os.getpgid(claim.pid) != claim.pid:
            return False
    except ProcessLookupError:
        return False
    return kill_group(claim.pid, signal_number(name))


def _is_same(claim: Claim) -> bool:
    """Whether the process of a claim is the one that has its number now."""
    stat = _read("/proc/%d/stat" % claim.pid)
    if stat is None:
        return not claim.stat
    fields = _fields(stat)
    has_ended = fields[:1] in (["Z"], ["X"])
    return not has_ended and _started(fields) == _started(_fields(claim.stat))


def _fields(stat: str) -> List[str]:
    """What follows the name of the program, which may hold blanks: state, parent and so on."""
    return stat.rpartition(")")[2].split()


def _started(fields: Sequence[str]) -> Sequence[str]:
    return fields[_STARTED_FIELD : _STARTED_FIELD + 1]


def _write(path: str, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
    finally:
        os.close(descriptor)


def _read(path: str) -> Optional[str]:
    """The text of a small file, None where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(descriptor, _LARGEST_RECORD).decode("utf-8", "surrogateescape")
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _seconds(text: str) -> float:
    """Seconds of `date +%s.%N`, which some write with an N at the end."""
    try:
        return float(text.rstrip("N").rstrip("."))
    except ValueError:
        return 0.0


def _cpu_s(text: str) -> Optional[float]:
    """The sum of the times of `times`: `0m1.50s 0m0.02s`."""
    found = re.findall(r"(\d+)m([\d.,]+)s", text)
    if len(found) != 2:
        return None
    return sum(int(minutes) * 60 + float(s.replace(",", ".")) for minutes, s in found)
