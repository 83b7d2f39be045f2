"""One workflow in a folder of its own, run by commands that may be killed. Judges nothing itself.

The engine is found by its command line, the same as that of the process that was started: a copy
of it that leads a group where orchestra keeps one beside it, else that process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import (
    Any,
    BinaryIO,
    Callable,
    Dict,
    FrozenSet,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
)

from tests.faults import oracle
from tests.faults.ledger import Ledger, boot_time_s
from tests.faults.oracle import Known, Report, Rules
from tests.warm.starter import STARTER, Command

ROOT = str(Path(__file__).resolve().parents[2])
STEP = str(Path(__file__).resolve().parent / "step.sh")
LIMIT_S = 180.0
"""How long anything is waited for, on a machine that has much else to do."""

_NAP_S = 0.002


class Ended(NamedTuple):
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


class Trial:
    """A folder with a workflow and its ledger, and the commands that are tried on it."""

    def __init__(self, folder: Path, text: str) -> None:
        self.folder = folder
        self.ledger = Ledger(folder / "ledger")
        self.environ: Dict[str, str] = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "PYTHONPATH": ROOT,
            "LEDGER": str(self.ledger.path),
        }
        (folder / "p.yaml").write_text(text, encoding="utf-8")

    def start(
        self, *arguments: str, under: Sequence[str] = (), log: str = "out", **options: Any
    ) -> subprocess.Popen[bytes]:
        """Start `orchestra` with its output in files named after `log`; `under` goes before it."""
        with self._open(log + ".out") as out, self._open(log + ".err") as err:
            return subprocess.Popen(
                [*under, sys.executable, "-m", "orchestra", *arguments],
                cwd=self.folder,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=options.pop("stdout", out),
                stderr=options.pop("stderr", err),
                **options,
            )

    def end(self, process: subprocess.Popen[bytes], log: str = "out") -> Ended:
        """Wait for the end of a command that was started.

        Raises:
            subprocess.TimeoutExpired: it did not end, and was killed.
        """
        try:
            code = process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        return Ended(code, self.text(log + ".out"), self.text(log + ".err"))

    def run(self, *arguments: str, **options: Any) -> Ended:
        """Run a command to its end; see `tests.warm` for how it is started without options."""
        log = options.get("log", "out")
        if not {*options} - {"log"}:
            command = Command(arguments, self.folder, self.environ, LIMIT_S)
            with self._open(log + ".out") as out, self._open(log + ".err") as err:
                code = STARTER.run_into(command, out, err)
            if code is not None:
                return Ended(code, self.text(log + ".out"), self.text(log + ".err"))
        return self.end(self.start(*arguments, **options), log)

    def _open(self, name: str) -> BinaryIO:
        return (self.folder / name).open("wb")

    def text(self, name: str) -> str:
        """What a file of the folder holds, nothing where there is none."""
        path = self.folder / name
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def json(self, *arguments: str) -> Any:
        """What a command prints as JSON."""
        ended = self.run(*arguments, "--format", "json", log="look")
        assert (ended.code, ended.err) == (0, ""), (arguments, ended)
        return json.loads(ended.out)

    def run_ids(self) -> List[str]:
        """The runs that are recorded, the latest first; none before there is a record."""
        if not (self.folder / ".orchestra" / "runs.db").exists():
            return []
        return [run["run_id"] for run in self.json("runs")["runs"]]

    def report(self, run_id: str) -> Report:
        """What `show` shows of a run."""
        shown: Report = self.json("show", run_id)
        return shown

    def entry(self, run_id: str) -> Mapping[str, Any]:
        """What `runs` has of a run."""
        (found,) = [run for run in self.json("runs")["runs"] if run["run_id"] == run_id]
        assert isinstance(found, dict)
        return found

    def taken_up_s(self, engine: int, log: str = "out") -> Optional[float]:
        """When that process began or went on with the run, in seconds since boot.

        None where it did not print that it had.
        """
        ahead_s = time.time() - boot_time_s()
        for event in self._printed(log):
            if event["event"] in ("RunStarted", "RunResumed") and event["pid"] == engine:
                return float(event["at"]) - ahead_s
        return None

    def taken_over(self, log: str = "out") -> FrozenSet[str]:
        """The steps of which that process printed that they went on from before."""
        notes = [event for event in self._printed(log) if event["event"] == "Noted"]
        return frozenset(note["step"] for note in notes if note["message"].startswith("taken over"))

    def printed_successes(self, log: str = "out") -> FrozenSet[str]:
        """The steps whose success stands in what `--output json` printed, up to a torn line."""
        ends = [event for event in self._printed(log) if event["event"] == "StepEnded"]
        return frozenset(
            event["step"]
            for event in ends
            if event["state"] in oracle.FINISHED and not event["step"].startswith(":")
        )

    def _printed(self, log: str) -> List[Mapping[str, Any]]:
        """The events that `--output json` printed, up to a torn line."""
        lines = self.text(log + ".out").split("\n")[:-1]
        return [json.loads(line) for line in lines if line.startswith("{")]


def engine_of(pid: int) -> int:
    """The process that does the work of the command that was started as `pid`.

    A step that is just being started looks like a copy as well, but leads nothing, or a session.
    """
    words = _cmdline(pid)
    copies = [child for child in _children(pid) if words and _cmdline(child) == words]
    return next(filter(_leads_a_group, copies), pid)


def _leads_a_group(pid: int) -> bool:
    """Whether a process leads a group in the session of another."""
    try:
        return os.getpgid(pid) == pid != os.getsid(pid)
    except ProcessLookupError:
        return False


def kill(pid: int) -> None:
    """SIGKILL; one that has gone is none."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def wait_until(
    condition: Callable[[], object], what: str, limit_s: float = LIMIT_S, nap_s: float = _NAP_S
) -> None:
    """Look until something is so.

    Raises:
        AssertionError: it did not become so.
    """
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(nap_s)


def wait_until_gone(run_id: str, limit_s: float = LIMIT_S) -> None:
    """Wait until no process of a run is alive."""
    mark = b"ORCHESTRA_RUN_ID=" + run_id.encode()
    wait_until(lambda: not oracle.leftovers(mark), "processes of %s are left" % run_id, limit_s)


def _cmdline(pid: int) -> bytes:
    return _read("/proc/%d/cmdline" % pid)


def _children(pid: int) -> List[int]:
    return [int(word) for word in _read("/proc/%d/task/%d/children" % (pid, pid)).split()]


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


class History:
    """What was known of a run when, and what is wrong with that; `broken` grows."""

    def __init__(self, trial: Trial, rules: Rules) -> None:
        self.broken: List[str] = []
        self._trial = trial
        self._rules = rules
        self._known: List[Known] = []
        self._done: FrozenSet[str] = frozenset()

    def look(self, run_id: str, printed: FrozenSet[str] = frozenset()) -> None:
        """Take down what is reported now, after an orchestrator has died or ended."""
        lines = len(self._trial.ledger.lines())
        reported = oracle.successes(self._trial.report(run_id))
        self.broken += oracle.lost(self._done | printed, reported)
        self._done |= reported
        self._known.append(Known(lines, reported))

    def hear(self, printed: FrozenSet[str]) -> None:
        """Take down what was printed, without asking anybody."""
        self._done |= printed
        self._known.append(Known(len(self._trial.ledger.lines()), printed))

    def spare(self, lines: int, taken_up_s: float, taken_over: FrozenSet[str]) -> None:
        """Hold what had ended well when the ledger had so many lines for a success, whoever died.

        Somebody lived who had to notice: of what was started since the run was taken up, and of
        what went on from before and was found to do so.
        """
        ledger = self._trial.ledger.lines()[:lines]
        begun = {line.pid for line in ledger if line.status is None and line.at >= taken_up_s}
        ended = [line for line in ledger if line.status == 0]
        noticed = [
            n for n in ended if n.pid in begun or (n.step in taken_over and n.at >= taken_up_s)
        ]
        self._known.append(Known(lines, frozenset(n.step for n in noticed if n.step[0] != ":")))

    def judge(self, run_id: str, ended: Ended, report: Optional[Report]) -> List[str]:
        """All promises that were broken, once the run has come to its end."""
        lines = self._trial.ledger.lines()
        shown = self._trial.report(run_id)
        entry = self._trial.entry(run_id)
        self.look(run_id)
        self.broken += oracle.begun_again(lines, self._known)
        self.broken += oracle.overlapping([line for line in lines if line.step[:1] != ":"])
        self.broken += oracle.out_of_order(lines, self._rules)
        self.broken += oracle.over_budget(lines, self._rules)
        self.broken += oracle.unaccounted(lines, shown)
        told = shown if report is None else report
        self.broken += oracle.disagreeing(ended.code, told, shown, entry)
        self.broken += oracle.leftovers(b"ORCHESTRA_RUN_ID=" + run_id.encode())
        if "Traceback" in ended.err + ended.out:
            self.broken.append("a traceback: " + ended.err[-2000:])
        return self.broken
