"""What only looks at a workflow starts nothing, connects nowhere, reads no secret, writes nowhere.

Judged by the system calls that strace saw.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import List, NamedTuple, Tuple

import pytest

from tests.faults.trial import Trial

WORKFLOW = """
version: 1
name: looked-at
params:
  day: {type: date, default: yesterday}
  where: {type: path, default: data}
env_file: [private.env]
secrets:
  FROM_VARIABLE: {env: KEY}
  FROM_FILE: {file: token}
  FROM_COMMAND: {command: [./get-secret]}
notify: [{when: failure, url: "http://127.0.0.1:9/${{ secrets.FROM_FILE }}"}]
steps:
  shell:
    run: touch ran; echo ${{ params.day }} "$(touch ran)"
    env: {K: "${{ secrets.FROM_FILE }}"}
  program: {command: [./program, "${{ params.where }}"]}
  file: {python: {file: job.py, args: [x]}}
  module: {python: {module: job}}
  call: {python: {call: "job:main", args: {x: 1}}}
  inline: {python: 'import job'}
  other: {uses: ./other.yaml, with: {x: 1}}
  kept: {run: make, cache: {inputs: [data], outputs: [made]}}
  many: {foreach: "${{ glob('*.py') }}", run: 'cat "${{ item }}"'}
finally: {run: touch ran}
"""
OTHER = "version: 1\nparams: {x: 1}\nsteps:\n  a: {run: 'touch ran'}\n"
FILES = {
    "p.yaml": WORKFLOW,
    "other.yaml": OTHER,
    "private.env": "PASSWORD=hunter2hunter2\n",
    "token": "a secret of a file\n",
    "get-secret": "#!/bin/sh\ntouch ran\necho a secret of a command\n",
    "program": "#!/bin/sh\ntouch ran\n",
    "job.py": "open('ran', 'w')\ndef main(x): pass\n",
    "data": "data\n",
}
READABLE = {"p.yaml", "other.yaml", "data"}
"""What of the workflow's folder may be opened; `plan` looks at what the cache depends on."""

CALLS = (
    "trace=process,network,openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,"
    "unlinkat,link,linkat,symlink,symlinkat,truncate,chmod,fchmodat"
)
_CALL = re.compile(r'^\d+ +(\w+)\((?:AT_FDCWD, )?(?:"([^"]*)")?(.*)$', re.MULTILINE)


class Call(NamedTuple):
    """A system call: its name, the path it names first, and the rest of the line."""

    name: str
    path: str
    rest: str


def without_uname(trace: str) -> str:
    """The calls but for those of `uname -p`, which Python 3.8 itself starts to import its uuid."""
    if sys.version_info >= (3, 9):
        return trace
    pids = re.findall(r'^(\d+) +execve\("[^"]*/uname", \["uname", "-p"\].* = 0$', trace, re.M)
    any_of = "|".join(pids) or "none"
    made = r"\d+ +v?(?:fork|clone3?)\(.*(?: = (?:%s)|<unfinished \.\.\.>)" % any_of
    theirs = re.compile(r"^(?:(?:%s) .*|%s)\n" % (any_of, made), re.M)
    return theirs.sub("", trace)


class Watched:
    """A folder with a workflow, and commands whose system calls are kept."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("strace") is None:
            pytest.skip("strace is not installed")
        self._folder = folder / "here"
        self._log = folder / "strace"
        self._folder.mkdir()
        for name, text in FILES.items():
            (self._folder / name).write_text(text)
        for name in ("program", "get-secret"):
            (self._folder / name).chmod(0o755)
        self._trial = Trial(self._folder, WORKFLOW)
        self._trial.environ.update(KEY="a secret variable", PYTHONDONTWRITEBYTECODE="1")

    def look(self, *command: str) -> List[Call]:
        under = ["strace", "-f", "-q", "-s", "300", "-o", str(self._log), "-e", CALLS]
        ended = self._trial.run(*command, under=under)
        assert (ended.code, "Traceback" in ended.err) == (0, False), ended
        return [Call(*found) for found in _CALL.findall(without_uname(self._log.read_text()))]

    def has_run(self) -> bool:
        return (self._folder / "ran").exists()

    def run_something(self) -> None:
        """Leave a record to look at, of another workflow."""
        (self._folder / "q.yaml").write_text("version: 1\nsteps:\n  a: {run: echo a}\n")
        assert self._trial.run("run", "q.yaml").code == 0

    def faults(self, calls: List[Call], writes: bool) -> List[Call]:
        """The calls that look has no use for; `writes` allows those in the state directory."""
        return [call for call in calls[1:] if self._is_fault(call, writes)]

    def _is_fault(self, call: Call, writes: bool) -> bool:
        if call.name in ("exit_group", "wait4", "waitid", "exit"):
            return False
        if call.name in ("clone", "clone3"):
            return "CLONE_THREAD" not in call.rest
        if call.name in ("open", "openat"):
            return self._is_open_a_fault(call, writes)
        return not (writes and self._is_state(call.path))

    def _is_open_a_fault(self, call: Call, writes: bool) -> bool:
        if re.search("O_WRONLY|O_RDWR|O_CREAT|O_TRUNC", call.rest):
            return call.path != "/dev/null" and not (writes and self._is_state(call.path))
        path = Path(os.path.join(self._folder, call.path))
        inside = self._folder in path.parents and not self._is_state(call.path)
        return inside and path.name not in READABLE and "ENOENT" not in call.rest

    def _is_state(self, path: str) -> bool:
        return os.path.join(self._folder, path).startswith(str(self._folder / ".orchestra"))


@pytest.mark.parametrize(
    "command",
    [
        ("validate", "p.yaml"),
        ("validate", "p.yaml", "--format", "json"),
        ("plan", "p.yaml"),
        ("plan", "p.yaml", "--format", "json"),
        ("plan", "p.yaml", "--format", "dot"),
        ("run", "p.yaml", "--dry-run"),
    ],
)
def test_looking_at_a_workflow_does_nothing_of_what_it_says(
    tmp_path: Path, command: Tuple[str, ...]
) -> None:
    watched = Watched(tmp_path)

    calls = watched.look(*command)

    assert calls[0].name == "execve"
    assert watched.faults(calls, writes=False) == []
    assert not watched.has_run()


@pytest.mark.parametrize("command", [("show",), ("runs",), ("logs",), ("why", "a")])
def test_looking_at_a_record_starts_nothing_and_stays_in_it(
    tmp_path: Path, command: Tuple[str, ...]
) -> None:
    watched = Watched(tmp_path)
    watched.run_something()

    calls = watched.look(*command)

    assert calls[0].name == "execve"
    assert watched.faults(calls, writes=True) == []


@pytest.mark.parametrize(
    "call",
    [
        Call("execve", "/bin/sh", ", ...) = 0"),
        Call("clone", "", "child_stack=NULL, flags=SIGCHLD) = 7"),
        Call("vfork", "", ") = 7"),
        Call("socket", "", "AF_INET, SOCK_STREAM, 0) = 3"),
        Call("connect", "", "3, ...) = 0"),
        Call("openat", "private.env", ", O_RDONLY|O_CLOEXEC) = 3"),
        Call("openat", "token", ", O_RDONLY) = 3"),
        Call("openat", "job.py", ", O_RDONLY) = 3"),
        Call("openat", "made", ", O_WRONLY|O_CREAT, 0666) = 3"),
        Call("mkdir", ".orchestra", ", 0700) = 0"),
        Call("unlink", "/tmp/x", ") = 0"),
    ],
)
def test_what_would_be_more_than_looking_is_seen(tmp_path: Path, call: Call) -> None:
    watched = Watched(tmp_path)

    assert watched.faults([Call("execve", "python", ""), call], writes=False) == [call]
