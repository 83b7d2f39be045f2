"""Slurm's own programs: started with an environment of their own, told apart in how they fail."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import suppress
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence

from orchestra.executors import slurm_signals

PROGRAMS = ("sbatch", "squeue", "scancel", "scontrol")
"""What must be there."""

_LIMIT_S = 30.0  # with its controller gone, a program of Slurm takes 9 s to say so
_MOST_JOBS = 400  # in one argv
# A job inherits what sbatch has. Slurm's other variables are those of a job that this may run in,
# and would be taken for options.
_PASSED_ON = (
    "HOME",
    "LD_LIBRARY_PATH",
    "LOGNAME",
    "PATH",
    "SBATCH_ACCOUNT",
    "SBATCH_CLUSTERS",
    "SBATCH_CONSTRAINT",
    "SBATCH_PARTITION",
    "SBATCH_QOS",
    "SBATCH_RESERVATION",
    "SLURM_CLUSTERS",
    "SLURM_CONF",
    "SLURM_CONF_SERVER",
    "TZ",
    "USER",
)
_OUTAGES = (
    "authentication",
    "backup controller",
    "communication",
    "configuration source",
    "connect failure",
    "connection refused",
    "munge",
    "not responding",
    "reset by peer",
    "standby mode",
    "submitjob",  # a limit on how many may be in the queue: AssocMaxSubmitJobLimit and its like
    "temporarily",
    "timed out",
    "transport endpoint",
    "try again",
    "unable to contact",
    "zero bytes",
)
_HEADS = re.compile(
    r"^(\w+: (error|fatal): )?(Batch job submission failed: |allocation failure: )*"
)


class SlurmSilence(Exception):
    """Slurm did not answer, or not now; whether it has done what was asked is not known."""


class SlurmRefusal(Exception):
    """Slurm has answered that it will not do it, and why."""


class Answer(NamedTuple):
    """What a program said in full, and how it ended."""

    code: int
    text: str
    complaint: str


class SlurmClient:
    """Runs Slurm's programs, one at a time."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ: Dict[str, str] = {
            name: environ[name] for name in _PASSED_ON if name in environ
        }
        self._environ["LC_ALL"] = "C"
        self._path = environ.get("PATH", os.defpath)

    def told(self, name: str) -> str:
        """A variable that the programs are told; empty where they are not."""
        return self._environ.get(name, "")

    def missing(self) -> List[str]:
        """The programs that are not to be found."""
        return [name for name in PROGRAMS if shutil.which(name, path=self._path) is None]

    def missing_conf(self) -> str:
        """The configuration that `SLURM_CONF` names, if it is no file; else empty."""
        named = self._environ.get("SLURM_CONF", "")
        return named if named and not os.path.isfile(named) else ""

    def ask(self, *argv: str, stdin: str = "", held: Optional[int] = None) -> str:
        """What the program says on its standard output.

        `held` is a descriptor that it keeps open as long as it lives.

        Raises:
            SlurmSilence: it got no answer.
            SlurmRefusal: it got one, which is no.
        """
        answer = self.answer(*argv, stdin=stdin, held=held)
        if answer.code == 0:
            return answer.text
        words = words_of(answer.complaint) or "%s ended with %d" % (argv[0], answer.code)
        if any(each in words.lower() for each in _OUTAGES):
            raise SlurmSilence(words)
        raise SlurmRefusal(words)

    def answer(self, *argv: str, stdin: str = "", held: Optional[int] = None) -> Answer:
        """What the program says, however it ends.

        Raises:
            SlurmSilence: it does not end, or could not be started.
        """
        try:
            done = subprocess.run(
                argv,
                input=stdin.encode("utf-8", "surrogateescape"),
                capture_output=True,
                env=self._environ,
                cwd="/",
                pass_fds=() if held is None else (held,),
                timeout=_LIMIT_S,
            )
        except subprocess.TimeoutExpired:
            raise SlurmSilence("%s has not answered in %d s" % (argv[0], _LIMIT_S)) from None
        except OSError as error:
            raise SlurmSilence("%s: %s" % (argv[0], error.strerror)) from None
        text, complaint = (raw.decode("utf-8", "replace") for raw in (done.stdout, done.stderr))
        return Answer(done.returncode, text, complaint)

    def is_up(self) -> bool:
        """Whether a controller answers; the one question that fails at once where none does."""
        try:
            return self.answer("scontrol", "ping").code == 0
        except SlurmSilence:
            return False

    def cancel(self, jobs: Sequence[str]) -> None:
        """End jobs, and take those that wait out of the queue; what is over is left alone.

        No option may be given with it: one makes scancel look for jobs by itself, and for one
        element of an array that waits it finds, and cancels, all that wait.
        """
        for begin in range(0, len(jobs), _MOST_JOBS):
            with suppress(SlurmSilence):
                self.answer("scancel", *jobs[begin : begin + _MOST_JOBS])

    def signal(self, jobs: Sequence[str], name: str) -> None:
        """Send a signal to all processes of running jobs."""
        slurm_signals.send(self._environ, jobs, name)


def words_of(complaint: str) -> str:
    """What a program complains of: its last two lines, without what stands before the reasons."""
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    return "; ".join(_HEADS.sub("", line) for line in lines[-2:])
