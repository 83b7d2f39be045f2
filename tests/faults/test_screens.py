"""Screens that are closed, full, slow or resized, and steps that try to draw on them."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Callable, Tuple

import pytest

from tests.effort import some
from tests.faults import oracle
from tests.faults.trial import LIMIT_S, Trial, wait_until

THOUSAND = "version: 1\nbudget: {cpu: 4}\nsteps:\n" + "".join(
    "  s%d: {command: [echo, 'a line of the step %d']}\n" % (n, n) for n in range(1000)
)

EVIL = (
    "\x1b]0;title\x07 \x1b[2J\x1b[H \x1b[?1049h \x9b31m \x9d0;x\x9c \x1b[6n safe\rEVIL"
    " \u202eright to left\u202c \u2066isolated\u2069 \x08\x08 \x1bP+q544e\x1b\\ \x1bc\x0e end"
)
EVIL_STEPS = """
version: 1
name: "EVIL \\e]0;t\\a \\e[2J \\x9b31m \\u202e name"
params: {evil: {type: string, required: true}}
steps:
  output: {name: "a ${{ params.evil }} b", run: 'printf "%s\\n" "${{ params.evil }}"'}
  report:
    outputs: {told: string}
    run: |
      printf 'told=%s\\n' "${{ params.evil }}" >> "$ORCHESTRA_OUTPUT"
      printf '%s\\n' "${{ params.evil }}" >> "$ORCHESTRA_SUMMARY"
  refused: {needs: output, require: [{if: "false", message: "no ${{ params.evil }}"}], run: 'true'}
  missing: {command: ["./${{ params.evil }}"]}
  fails: {needs: report, run: 'printf "%s\\n" "${{ steps.report.outputs.told }}" >&2; exit 3'}
  fan: {foreach: ["${{ params.evil }}"], run: 'printf "%s\\n" "${{ item }}"; exit 1'}
"""
FROM_DATA = re.compile(
    "\x1b\\]|\x1bP|\x1bc|\x07|\x08|\x0e|\x1b\\[6n|\x1b\\[\\?1049h|\x1b\\[2J|\r(?!\n|\x1b|$)EVIL"
    "|[\x80-\x9f]|[\u202a-\u202e\u2066-\u2069]"
)


class Screen:
    """A terminal of 100 columns that a command runs in; `text` is all that it was sent."""

    def __init__(self, trial: Trial, *arguments: str) -> None:
        self._open(trial, sys.executable, "-m", "orchestra", *arguments)

    def _open(self, trial: Trial, *words: str) -> None:
        self._ours, theirs = pty.openpty()
        self.resize(100, 30)
        self.data = b""
        self.process = subprocess.Popen(
            words,
            cwd=trial.folder,
            env={**trial.environ, "TERM": "xterm-256color"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read(self, patience_s: float = 0.01) -> bool:
        """Take what is there; whether there can be more."""
        if not select.select([self._ours], [], [], patience_s)[0]:
            return True
        try:
            block = os.read(self._ours, 1 << 16)
        except OSError:  # the last one who had it open has gone
            return False
        self.data += block
        return bool(block)

    def to_the_end(self, meanwhile: Callable[[], object] = lambda: None) -> Tuple[int, str]:
        """The exit code, and the text."""
        deadline = time.monotonic() + LIMIT_S
        while self.read():
            meanwhile()
            assert time.monotonic() < deadline
        os.close(self._ours)
        return self.process.wait(LIMIT_S), self.data.decode("utf-8", "replace")

    def close(self) -> int:
        """Close the terminal before its time; the exit code."""
        os.close(self._ours)
        try:
            return self.process.wait(LIMIT_S)
        finally:
            self.process.kill()
            self.process.wait()


class Shell(Screen):
    """One in which a person has a shell that knows jobs."""

    def __init__(self, trial: Trial) -> None:
        trial.environ["PS1"] = "ready> "
        self._open(trial, "bash", "--norc", "--noprofile", "-i")
        self.seen("ready> ")

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def seen(self, words: str) -> None:
        """Take what comes until these words have come, and forget all of it."""
        deadline = time.monotonic() + LIMIT_S
        while words.encode() not in self.data:
            self.read()
            assert time.monotonic() < deadline, self.data
        self.data = b""

    def shown_in(self, seconds: float) -> bytes:
        """What comes meanwhile."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.read()
        return self.data


def evil(folder: Path) -> Trial:
    trial = Trial(folder, EVIL_STEPS)
    trial.environ["ORCHESTRA_PARAM_EVIL"] = EVIL
    return trial


@pytest.mark.parametrize("mode", ["live", "plain", "stream", "quiet", "json"])
def test_nothing_that_steps_say_is_obeyed_by_the_terminal(tmp_path: Path, mode: str) -> None:
    trial = evil(tmp_path)

    code, text = Screen(trial, "run", "p.yaml", "--output", mode).to_the_end()

    assert code == 1
    assert "EVIL" in text
    assert FROM_DATA.findall(text) == []


@pytest.mark.parametrize(
    "command",
    [
        ("logs",),
        ("logs", "output"),
        ("show",),
        ("why", "refused"),
        ("runs",),
        ("plan", "p.yaml"),
        ("run", "p.yaml", "--dry-run"),
        ("show", "--format", "json"),
        ("why", "missing", "--format", "json"),
        ("runs", "--format", "json"),
        ("plan", "p.yaml", "--format", "dot"),
    ],
)
def test_nothing_that_is_kept_is_obeyed_by_the_terminal(
    tmp_path: Path, command: Tuple[str, ...]
) -> None:
    trial = evil(tmp_path)
    trial.run("run", "p.yaml")

    code, text = Screen(trial, *command).to_the_end()

    assert code == 0
    assert "EVIL" in text
    assert FROM_DATA.findall(text) == []


@pytest.mark.parametrize(
    "command",
    [
        ("validate",),
        ("plan",),
        ("run",),
        ("run", "p.yaml", "-p"),
        ("run", "p.yaml", "-p", "evil=x", "--only"),
        ("run", "p.yaml", "--output"),
        ("show", "--format"),
    ],
)
def test_what_is_typed_is_not_obeyed_by_the_terminal_either(
    tmp_path: Path, command: Tuple[str, ...]
) -> None:
    code, text = Screen(Trial(tmp_path, EVIL_STEPS), *command, EVIL).to_the_end()

    assert code in (1, 2, 3)
    assert "EVIL" in text
    assert FROM_DATA.findall(text) == []


def test_a_file_full_of_escapes_is_refused_without_obeying_it(tmp_path: Path) -> None:
    spelled = EVIL.encode("unicode_escape").decode("ascii").replace("\\x1b", "\\e")
    trial = Trial(tmp_path, 'steps: {"%s": {run: x}, b: {"%s": 1}}\n' % (spelled, spelled))

    code, text = Screen(trial, "validate", "p.yaml").to_the_end()

    assert code == 2
    assert "EVIL" in text
    assert FROM_DATA.findall(text) == []


def sizes() -> Callable[[], Tuple[int, int]]:
    turns = iter([(1, 1), (500, 200), (0, 0), (3, 100), (80, 24), (20, 2)] * 10_000)
    return lambda: next(turns)


def test_a_storm_of_sizes_does_no_harm(tmp_path: Path) -> None:
    trial = Trial(tmp_path, THOUSAND)
    screen = Screen(trial, "run", "p.yaml", "--output", "live", "-j4")
    size = sizes()

    code, text = screen.to_the_end(lambda: screen.resize(*size()))

    assert code == 0
    assert "Traceback" not in text
    assert "1000 succeeded" in text


def test_a_terminal_that_closes_is_a_hangup_in_order(tmp_path: Path) -> None:
    trial = Trial(tmp_path, "version: 1\nsteps:\n  a: {run: 'touch ready; sleep 1000'}\n")
    screen = Screen(trial, "run", "p.yaml")
    wait_until((tmp_path / "ready").exists, "the step did not begin")

    code = screen.close()

    assert code == 129
    assert oracle.leftovers(b"HOME=" + os.fsencode(tmp_path)) == []
    assert trial.entry(trial.run_ids()[0])["state"] == "cancelled"


@pytest.mark.skipif(not os.path.exists("/bin/bash"), reason="there is no bash")
def test_a_run_in_the_background_leaves_the_terminal_to_the_shell(tmp_path: Path) -> None:
    steps = "a: {run: 'until test -e end; do sleep 0.05; done'}"
    trial = Trial(tmp_path, "version: 1\nsteps:\n  %s\n" % steps)
    shell = Shell(trial)
    shell.type("%s -m orchestra run p.yaml\n" % sys.executable)
    shell.seen("1 running")
    shell.type("\x1a")
    shell.seen("ready> ")
    shell.type("bg\n")
    shell.seen("ready> ")

    assert shell.shown_in(1.5) in (b"", b"\x1b[?25h")

    shell.type("fg\n")
    shell.seen("1 running")
    trial.folder.joinpath("end").touch()
    shell.seen("1 succeeded")
    shell.type("exit\n")
    assert shell.to_the_end()[0] == 0


@pytest.mark.skipif(not os.path.exists("/bin/bash"), reason="there is no bash")
def test_a_run_that_is_started_in_the_background_says_plain_lines(tmp_path: Path) -> None:
    trial = Trial(tmp_path, "version: 1\nsteps:\n  a: {run: 'echo done > end'}\n")
    shell = Shell(trial)
    shell.type("%s -m orchestra run p.yaml &\n" % sys.executable)
    shell.seen("[1/1] a succeeded")
    shell.type("exit\n")
    assert shell.to_the_end()[0] == 0


@pytest.mark.skipif(not os.path.exists("/bin/bash"), reason="there is no bash")
def test_a_run_that_is_halted_gives_the_cursor_back(tmp_path: Path) -> None:
    shell = Shell(Trial(tmp_path, "version: 1\nsteps:\n  a: {run: 'sleep 1000'}\n"))
    shell.type("%s -m orchestra run p.yaml\n" % sys.executable)
    shell.seen("1 running")
    shell.type("\x1a")
    shell.seen("\x1b[?25h")
    shell.type("fg\n")
    shell.seen("1 running")
    shell.type("\x03")
    shell.seen("1 cancelled")
    shell.type("exit\n")
    assert shell.to_the_end()[0] == 130


@pytest.mark.parametrize("mode", some(["plain", "stream", "json", "quiet"], 2))
@pytest.mark.parametrize(
    ("redirection", "codes"),
    [
        ("| head -1", (0,)),
        (">&-", (0,)),
        ("2>&-", (0,)),
        ("<&-", (0,)),
        (">&- 2>&- <&-", (0,)),
        (">/dev/full", (0, 3)),
        (">/dev/full 2>/dev/full", (0, 3)),
        ("2>/dev/full", (0, 3)),
    ],
)
def test_a_screen_that_takes_nothing_does_not_harm_a_run(
    tmp_path: Path, mode: str, redirection: str, codes: Tuple[int, ...]
) -> None:
    steps = THOUSAND.split("  s50:")[0] + "  last: {needs: s49, run: touch ran, shell: sh}\n"
    trial = Trial(tmp_path, steps)
    script = 'set -o pipefail; "$0" -m orchestra run p.yaml --output %s %s' % (mode, redirection)

    done = subprocess.run(
        ["bash", "-c", script, sys.executable],
        cwd=tmp_path,
        env=trial.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )

    assert done.returncode in codes
    assert "Traceback" not in done.stderr + done.stdout
    assert "Exception ignored" not in done.stderr + done.stdout
    assert (tmp_path / "ran").exists()
    assert trial.entry(trial.run_ids()[0])["state"] == "succeeded"


@pytest.mark.parametrize("command", ["validate", "run", "show"])
def test_a_message_that_cannot_be_written_changes_no_exit_code(
    tmp_path: Path, command: str
) -> None:
    trial = Trial(tmp_path, "steps: 5\n")
    with open("/dev/full", "wb") as full:
        ended = trial.run(command, "p.yaml", stderr=full)
    assert ended.code == 2


@pytest.mark.parametrize("mode", some(["plain", "stream", "json"], 2))
def test_a_reader_that_never_reads_does_not_hold_up_a_run(tmp_path: Path, mode: str) -> None:
    steps = THOUSAND + "  last: {needs: s999, priority: -9, run: touch ran, shell: sh}\n"
    trial = Trial(tmp_path, steps)
    reader, writer = os.pipe()
    process = trial.start("run", "p.yaml", "--output", mode, "-j4", stdout=writer)
    os.close(writer)

    wait_until((tmp_path / "ran").exists, "the run is held up")

    ended = trial.end(process)
    os.close(reader)
    assert (ended.code, ended.err) == (0, "")
