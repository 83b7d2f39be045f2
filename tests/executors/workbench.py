"""A local executor under test, and what a test wants to know of it. Never waits for ever."""

from __future__ import annotations

import itertools
import os
import select
import sys
import time
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from orchestra.engine.ports import Ended, ExecutorStimulus
from orchestra.executors.local import LocalExecutor
from orchestra.model.run import AttemptKey, Invocation

LIMIT_S = 180.0
STEPS = Path(__file__).parent / "steps"

Word = Union[str, bytes]


class Workbench:
    """Starts commands as attempts `s1`, `s2`, … and keeps all that the executor tells."""

    def __init__(self, run_id: str, folder: Path, **options: object) -> None:
        self.run_id = run_id
        self.folder = folder
        self.told: List[ExecutorStimulus] = []
        self.ended_by_key: Dict[AttemptKey, Ended] = {}
        self.seen_by_key: Dict[AttemptKey, bytearray] = {}
        self.executor = LocalExecutor(run_id, self._see, **options)  # type: ignore[arg-type]  # as given
        self._numbers = itertools.count(1)

    def invocation(
        self,
        key: AttemptKey,
        *argv: Word,
        env: Mapping[str, str] = {},
        bare: bool = False,
        working_dir: str = "/",
        executable: Optional[bytes] = None,
        fallback: Optional[Tuple[bytes, ...]] = None,
        job_server: Optional[str] = None,
    ) -> Invocation:
        """What starts a command; `bare` means with no environment but `env`."""
        marks = {} if bare else self.marks(key)
        return Invocation(
            argv=tuple(map(os.fsencode, argv)),
            env={os.fsencode(k): os.fsencode(v) for k, v in {**marks, **env}.items()},
            working_dir=working_dir,
            log_path=self.log_path(key),
            executable=executable,
            fallback=fallback,
            job_server=job_server,
        )

    def marks(self, key: AttemptKey) -> Dict[str, str]:
        """The environment that steps get."""
        return {
            "PATH": os.environ["PATH"],
            "ORCHESTRA_RUN_ID": self.run_id,
            "ORCHESTRA_STEP": key.step,
            "ORCHESTRA_ATTEMPT": str(key.number),
        }

    def start(self, *argv: Word, **options: object) -> AttemptKey:
        """Start one command."""
        key = AttemptKey("s%d" % next(self._numbers), 1)
        invocation = self.invocation(key, *argv, **options)  # type: ignore[arg-type]  # as given
        self.executor.submit([(key, invocation)])
        return key

    def start_script(self, name: str, *args: Word, **options: object) -> AttemptKey:
        """Start a script of this folder's `steps`, by its kind."""
        program = "bash" if name.endswith(".sh") else sys.executable
        return self.start(program, str(STEPS / name), *args, **options)

    def run(self, *argv: Word, **options: object) -> Ended:
        """Start one command and wait for its end."""
        return self.end_of(self.start(*argv, **options))

    def run_script(self, name: str, *args: Word, **options: object) -> Ended:
        """Start a script and wait for its end."""
        return self.end_of(self.start_script(name, *args, **options))

    def end_of(self, key: AttemptKey) -> Ended:
        """Wait for the end of an attempt."""
        for _ in self._turns("%s did not end" % key.step):
            if key in self.ended_by_key:
                return self.ended_by_key[key]
        raise AssertionError

    def ends_of(self, keys: Sequence[AttemptKey]) -> List[Ended]:
        """Wait for the ends of all."""
        return [self.end_of(key) for key in keys]

    def wait_for_output(self, key: AttemptKey, text: bytes) -> bytes:
        """Wait until an attempt has written the text; all that it has written."""
        for _ in self._turns("%s did not write %r" % (key.step, text)):
            if text in self.seen_by_key.get(key, b""):
                return bytes(self.seen_by_key[key])
        raise AssertionError

    def wait_for_faults(self) -> List[str]:
        """Wait until the executor names faults."""
        for _ in self._turns("no fault"):
            faults = self.executor.faults()
            if faults:
                return faults
        raise AssertionError

    def log_path(self, key: AttemptKey) -> str:
        """Where the output of an attempt goes."""
        return str(self.folder / ("%s.%d.log" % key))

    def log(self, ended: Ended) -> bytes:
        """What the log of an attempt holds."""
        return Path(self.log_path(ended.key)).read_bytes()

    def turn(self) -> None:
        """Wait for something, at most as long as the executor allows, and collect it."""
        due = self.executor.due_in()
        select.select([self.executor.fileno()], [], [], 1.0 if due is None else min(due, 1.0))
        for stimulus in self.executor.collect():
            self.told.append(stimulus)
            if isinstance(stimulus, Ended):
                self.ended_by_key[stimulus.key] = stimulus

    def _turns(self, complaint: str) -> Iterator[None]:
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            yield
            self.turn()
        raise AssertionError(complaint)

    def _see(self, key: AttemptKey, block: bytes) -> None:
        self.seen_by_key.setdefault(key, bytearray()).extend(block)


def pids_marked(run_id: str) -> List[int]:
    """The processes that were started with the mark of a run and have not ended."""
    mark = b"ORCHESTRA_RUN_ID=" + os.fsencode(run_id)
    return [pid for pid in all_pids() if mark in environ_of(pid).split(b"\0")]


def all_pids() -> List[int]:
    """The processes that there are."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def environ_of(pid: int) -> bytes:
    """What a process was started with; nothing for a dead one."""
    try:
        return Path("/proc/%d/environ" % pid).read_bytes()
    except OSError:
        return b""


def is_alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    return state_of(pid) not in "ZX"


def state_of(pid: int) -> str:
    """The letter for the state of a process; X for one that has gone."""
    try:
        stat = Path("/proc/%d/stat" % pid).read_text()
    except OSError:
        return "X"
    return stat.rpartition(")")[2].split()[0]


def wait_until_gone(run_id: str) -> None:
    """Wait until no process has the mark of a run."""
    deadline = time.monotonic() + LIMIT_S
    while pids_marked(run_id):
        assert time.monotonic() < deadline
