"""Files that somebody planted: modules, links, FIFOs; and modes that do not depend on the umask."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Callable, Dict, List

import pytest

from tests.effort import some
from tests.faults.trial import Ended, Trial

STEPS = """
version: 1
secrets: {KEY: {env: KEY}}
steps:
  a: {run: 'echo a; echo "x=1" >> "$ORCHESTRA_OUTPUT"', shell: sh, outputs: {x: int}}
  b: {needs: a, run: 'echo ${{ steps.a.outputs.x }} ${{ secrets.KEY }}', shell: sh}
  c: {python: 'print(1)'}
"""
MODULES = ("yaml", "json", "rich", "typer", "click", "sqlite3", "signal", "site", "sitecustomize")
BAD = "open(%r, 'w').close()\n"
COMMANDS = (
    ("validate", "p.yaml"),
    ("plan", "p.yaml"),
    ("run", "p.yaml"),
    ("show",),
    ("logs",),
    ("runs",),
    ("why", "b"),
)


def trial_in(folder: Path) -> Trial:
    folder.mkdir(parents=True, exist_ok=True)
    trial = Trial(folder, STEPS)
    trial.environ["KEY"] = "a secret value"
    return trial


def test_modules_in_the_folder_and_beside_the_workflow_are_never_imported(tmp_path: Path) -> None:
    trial = trial_in(tmp_path / "there")
    here = tmp_path / "here"
    for folder in (here, trial.folder):
        for name in ("orchestra", "yaml", "rich"):
            (folder / name).mkdir(parents=True)
            (folder / name / "__init__.py").write_text(BAD % str(tmp_path / "PWNED"))
        for name in MODULES:
            (folder / (name + ".py")).write_text(BAD % str(tmp_path / "PWNED"))
    # as the installed command does: its folder is first in sys.path, not the one we are in
    program = "import sys; sys.path.pop(0); from orchestra.cli.app import main; main()"

    done = [
        subprocess.run(
            [sys.executable, "-c", program, command, *words],
            cwd=here,
            env={**trial.environ, "ORCHESTRA_STATE_DIR": str(tmp_path / "state")},
            capture_output=True,
            text=True,
            check=False,
        )
        for command, *words in (
            ("validate", str(trial.folder / "p.yaml")),
            ("plan", str(trial.folder / "p.yaml")),
            ("run", str(trial.folder / "p.yaml"), "--skip", "c"),
            ("show",),
            ("runs",),
        )
    ]

    assert [each.returncode for each in done] == [0, 0, 0, 0, 0]
    assert not (tmp_path / "PWNED").exists()


class Planted:
    """A state directory in which something stands that should not, and a victim outside of it."""

    def __init__(self, folder: Path) -> None:
        self.outside = folder / "outside"
        self.outside.mkdir()
        self.victim = self.outside / "victim"
        self.victim.write_text("precious")
        self.trial = trial_in(folder / "here")
        self.state = self.trial.folder / ".orchestra"

    def plant(self, kind: str, name: str) -> None:
        path = self.state / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        KINDS[kind](path, self.victim)

    def faults(self) -> List[str]:
        """What is wrong after commands were tried: they hang, fail in bad words, or do harm."""
        found = [
            "%s: %s" % (command, ended)
            for command, ended in ((each, self._try(each)) for each in COMMANDS)
            if ended.code not in (0, 2, 3) or "Traceback" in ended.err + ended.out
        ]
        if self.victim.read_text() != "precious" or os.listdir(self.outside) != ["victim"]:
            found.append("outside is changed: %s" % os.listdir(self.outside))
        if self.victim.stat().st_mode & 0o777 != 0o644:
            found.append("the mode of what is outside is changed")
        return found

    def _try(self, command: tuple) -> Ended:  # type: ignore[type-arg]  # of words
        return self.trial.run(*command)


def make_hard_link(path: Path, victim: Path) -> None:
    os.link(victim, path)


KINDS: Dict[str, Callable[[Path, Path], object]] = {
    "link to a file": lambda path, victim: path.symlink_to(victim),
    "link to a folder": lambda path, victim: path.symlink_to(victim.parent),
    "link to nothing": lambda path, victim: path.symlink_to(victim.parent / "new"),
    "hard link": make_hard_link,
    "FIFO": lambda path, victim: os.mkfifo(path),
    "folder": lambda path, victim: path.mkdir(),
}
NAMES = (
    "",
    "runs",
    "runs.db",
    "runs.db-wal",
    "runs.db-shm",
    "runs.db-journal",
    "runs.db.new",
    "runs.db.new-wal",
    "runs.db.new-journal",
    "runs.lock",
    "groups",
    "groups.lock",
    ".gitignore",
)


PLANTED = [(kind, name) for name in NAMES for kind in sorted(KINDS)]


@pytest.mark.parametrize(("kind", "name"), [("FIFO", "runs.db-journal"), *some(PLANTED, 14)])
def test_what_is_planted_in_the_state_directory_leads_nowhere(
    tmp_path: Path, kind: str, name: str
) -> None:
    planted = Planted(tmp_path)
    planted.victim.chmod(0o644)
    planted.plant(kind, name)

    assert planted.faults() == []


IN_RUN = """
version: 1
steps:
  plant:
    shell: sh
    run: |
      cd "${{ run.dir }}"
      for name in logs/b.1.log outputs/b.1 outputs/b.1.summary private/b.1 lock ends.jsonl
      do rm -rf "$name"; %s; done
      echo planted
  b: {needs: plant, run: 'echo mine', shell: sh}
"""


@pytest.mark.parametrize(
    "how",
    [
        'ln -s "$OUTSIDE/victim" "$name"',
        'ln "$OUTSIDE/victim" "$name"',
        'mkfifo "$name"',
        'ln -s "$OUTSIDE/new" "$name"',
        'mkdir "$name"',
    ],
)
def test_what_a_step_plants_in_its_run_leads_nowhere(tmp_path: Path, how: str) -> None:
    planted = Planted(tmp_path)
    planted.victim.chmod(0o644)
    planted.trial.environ["OUTSIDE"] = str(planted.outside)
    (planted.trial.folder / "p.yaml").write_text(IN_RUN % how)

    ended = planted.trial.run("run", "p.yaml")

    assert ended.code in (0, 1, 3)
    assert "Traceback" not in ended.err
    assert (planted.victim.read_text(), os.listdir(planted.outside)) == ("precious", ["victim"])
    assert planted.trial.run("show").code == 0


CUT_OFF = """
version: 1
steps:
  a: {run: 'read -r _ _ _ keeper _ < /proc/$PPID/stat; kill -9 $keeper $PPID', shell: sh}
"""


def make_socket(path: Path, victim: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as planted:
        planted.bind(path.name)
    os.chdir(here)


KINDS_IN_RUN = {**KINDS, "socket": make_socket}
PLANTED_IN_RUN = [
    (kind, name) for name in ("lock", "keeper", "ends.jsonl") for kind in sorted(KINDS_IN_RUN)
]


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="nobody tells the keeper")
@pytest.mark.parametrize(
    ("kind", "name"), [("FIFO", "lock"), ("hard link", "lock"), *some(PLANTED_IN_RUN, 5)]
)
def test_what_is_planted_in_a_run_that_was_cut_off_is_named(
    tmp_path: Path, kind: str, name: str
) -> None:
    planted = Planted(tmp_path)
    trial = planted.trial
    (trial.folder / "p.yaml").write_text(CUT_OFF)
    assert trial.run("run", "p.yaml").code == -signal.SIGKILL
    (folder,) = (trial.folder / ".orchestra" / "runs").iterdir()
    path = folder / name
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    KINDS_IN_RUN[kind](path, planted.victim)

    refused = [trial.run(command) for command in ("resume", "cancel")]
    shown = [trial.run(command) for command in ("show", "runs")]

    words = "error: %s: it is not a plain file of its own\n  help: move it away\n" % path
    assert [(each.code, each.err) for each in refused] == [(3, words)] * 2
    words = "warning: %s is not a plain file of its own; move it away\n" % path
    assert [(each.code, each.err) for each in shown] == [(0, words)] * 2
    assert (planted.victim.read_text(), os.listdir(planted.outside)) == ("precious", ["victim"])


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_what_is_kept_is_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    trial = trial_in(tmp_path)
    steps = "version: 1\nsteps:\n  a: {run: echo a, shell: sh}\n  b: {python: 'print(1)'}\n"
    (tmp_path / "p.yaml").write_text(steps)

    ended = trial.run("run", "p.yaml", preexec_fn=lambda: os.umask(umask))

    modes = {
        (stat.S_IFMT(found.st_mode) == stat.S_IFDIR, oct(found.st_mode & 0o777))
        for found in (path.stat() for path in (tmp_path / ".orchestra").rglob("*"))
    }
    assert ended.code == 0
    assert modes == {(True, "0o700"), (False, "0o600")}
    assert (tmp_path / ".orchestra").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "id",
    [
        "../up",
        "/etc/x",
        ".",
        "..",
        "",
        "a/b",
        "a b",
        "a\\nb",
        "-x",
        "a" * 65,
        "é",
        "x;y",
        "a:b",
        "a[0]",
        "%2e",
        "\\e[2J",
        "a\\0b",
        "CON ",
        "~",
    ],
)
def test_an_odd_id_is_refused_with_its_place(tmp_path: Path, id: str) -> None:
    trial = Trial(tmp_path, 'version: 1\nsteps:\n  "%s": {run: touch ran}\n' % id)

    ended = trial.run("run", "p.yaml")

    assert ended.code == 2
    assert "p.yaml:" in ended.err
    assert sorted(os.listdir(tmp_path)) == ["out.err", "out.out", "p.yaml"]
