"""Steps that share the cores of the budget with a nested make, ninja or cargo, real ones.

Each job writes a line when it begins and one when it ends, in one write each, into one ledger.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from itertools import accumulate
from pathlib import Path
from typing import List

import pytest

from tests.cli.commandline import CommandLine
from tests.cli.going import die, until

CLIENT = "%s %s" % (sys.executable, Path(__file__).with_name("jobclient.py"))

JOB = """\
echo "+ $1" >> ledger
if [ -n "$2" ]; then n=0
  while ! sh ready.sh $2 && [ $n -lt 600 ]; do sleep 0.05; n=$((n + 1)); done
else sleep 0.05; fi
echo "- $1" >> ledger
"""
"""`job.sh NAME [COUNT|FILE]` lasts a moment, until so many have begun, or until a file is there."""

READY = """\
case $1 in
  *[!0-9]*) test -e $1;;
  *) test "$(grep -c + ledger)" -ge $1;;
esac
"""

MAKEFILE = """\
JOBS := $(shell seq $(N))
all: $(JOBS)
$(JOBS):
\t@sh job.sh $(NAME) $(UNTIL)
.PHONY: all $(JOBS)
"""


SEARCHED = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
"""What pip has installed is beside Python, which need not be in PATH."""


def ninja_is_old() -> bool:
    """Whether there is no ninja that shares: 1.13 is the first that does."""
    ninja = shutil.which("ninja", path=SEARCHED)
    if ninja is None:
        return True
    found = subprocess.run([ninja, "--version"], stdout=subprocess.PIPE, text=True, check=True)
    return tuple(map(int, found.stdout.split(".")[:2])) < (1, 13)


needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="needs GNU make")
needs_ninja = pytest.mark.skipif(ninja_is_old(), reason="needs ninja 1.13: pip install ninja")
needs_cargo = pytest.mark.skipif(shutil.which("cargo") is None, reason="needs cargo")


def nested(tool: str, name: str, count: int, until: str = "") -> str:
    """What runs so many jobs of that name, each until then, with a tool."""
    if tool == "make":
        return "make -s N=%d NAME=%s UNTIL=%s" % (count, name, until)
    if tool == "ninja":
        return "sh ninja.sh %s %d %s && ninja -f %s.ninja" % (name, count, until, name)
    return "%s %s %d sh job.sh %s %s" % (CLIENT, tool, count, name, until)


NINJA = """\
{ echo "rule job"; echo "  command = sh job.sh $1 $3"
  for n in $(seq $2); do echo "build $1.$n: job"; done; } > $1.ninja
"""

TOOLS = pytest.mark.parametrize(
    "tool",
    [
        "descriptors",
        "path",
        pytest.param("make", marks=needs_make),
        pytest.param("ninja", marks=needs_ninja),
    ],
)


@pytest.fixture
def jobs(cli: CommandLine) -> CommandLine:
    cli.environ["PATH"] = SEARCHED
    cli.file("job.sh", JOB).file("ready.sh", READY).file("ninja.sh", NINJA)
    return cli.file("Makefile", MAKEFILE)


def lines(cli: CommandLine) -> List[str]:
    """What is in the ledger."""
    path = cli.folder / "ledger"
    return path.read_text().splitlines() if path.exists() else []


def peak(found: List[str], since: int = 0) -> int:
    """How many ran at once, at most, from that line on."""
    running = list(accumulate(1 if line[0] == "+" else -1 for line in found))
    return max(running[since:])


@TOOLS
def test_one_alone_uses_the_whole_budget(jobs: CommandLine, tool: str) -> None:
    jobs.file(
        "w.yaml",
        "version: 1\nbudget: {cpu: 5}\nsteps:\n  a: {run: %r, jobserver: true}\n"
        % nested(tool, "a", 7, "5"),
    )
    assert jobs.run("run", "w.yaml").code == 0
    assert peak(lines(jobs)) == 5


@TOOLS
def test_two_side_by_side_never_use_more_than_the_budget(jobs: CommandLine, tool: str) -> None:
    text = """
version: 1
budget: {cpu: 3}
defaults: {jobserver: true}
steps:
  a: {run: %r}
  b: {run: %r}
  c: {run: sh job.sh c, jobserver: false}
  d: {run: sh job.sh d, jobserver: false, needs: [c], resources: {cpu: 2}}
"""
    jobs.file("w.yaml", text % (nested(tool, "a", 12), nested(tool, "b", 12)))
    assert jobs.run("run", "w.yaml").code == 0
    assert (len(lines(jobs)), peak(lines(jobs))) == (2 * 26, 3)


@pytest.mark.parametrize("tool", ["descriptors", pytest.param("make", marks=needs_make)])
def test_a_step_that_waits_gets_its_cores_in_mid_build(jobs: CommandLine, tool: str) -> None:
    text = """
version: 1
budget: {cpu: 3}
steps:
  a: {run: %r, jobserver: true}
  w: {run: until sh ready.sh 3; do sleep 0.05; done, resources: {cpu: 0}}
  b: {run: sh job.sh b, needs: [w], resources: {cpu: 2}}
"""
    # not done before the others have had their turn, however late that is
    jobs.file("job.sh", JOB.replace("else", "else grep -q '^- b' ledger || sleep 0.5;"))
    jobs.file("w.yaml", text % nested(tool, "a", 100))
    assert jobs.run("run", "w.yaml").code == 0
    found = lines(jobs)
    assert peak(found) == 3
    assert found.index("+ b") < 150
    assert peak(found, found.index("- b")) == 3


@needs_make
def test_what_a_killed_make_had_is_neither_lost_nor_doubled(jobs: CommandLine) -> None:
    text = """
version: 1
budget: {cpu: 4}
steps:
  a:
    run: |
      make -s N=9 NAME=a UNTIL=never &
      until sh ready.sh 4; do sleep 0.05; done
      kill -9 $!
    jobserver: true
  b: {run: rm ledger; make -s N=9 NAME=b UNTIL=4, jobserver: true, needs: [a]}
"""
    jobs.file("w.yaml", text)
    assert jobs.run("run", "w.yaml").code == 0
    assert peak(lines(jobs)) == 4


@needs_make
def test_a_make_after_one_that_was_killed_has_what_is_left(jobs: CommandLine) -> None:
    text = """
version: 1
budget: {cpu: 3}
steps:
  a:
    run: |
      make -s N=9 NAME=a UNTIL=never &
      until sh ready.sh 2; do sleep 0.05; done
      kill -9 $!
      make -s N=9 NAME=b
    jobserver: true
  b: {run: rm ledger; make -s N=9 NAME=b UNTIL=3, jobserver: true, needs: [a]}
"""
    jobs.file("w.yaml", text)
    assert jobs.run("run", "w.yaml").code == 0
    assert peak(lines(jobs)) == 3


def test_tokens_that_are_made_up_buy_nothing(jobs: CommandLine) -> None:
    made_up = "head -c 50 /dev/zero >&4; "
    jobs.file(
        "w.yaml",
        "version: 1\nbudget: {cpu: 3}\nsteps:\n  a: {run: %r, jobserver: true}\n"
        % (made_up + nested("descriptors", "a", 20)),
    )
    assert jobs.run("run", "w.yaml").code == 0
    assert peak(lines(jobs)) == 3
    assert "it gives back job tokens that it never had" in jobs.run("show").out


def test_what_a_halted_job_keeps_is_back_when_its_step_is_ended(jobs: CommandLine) -> None:
    text = """
version: 1
budget: {cpu: 2}
steps:
  a: {run: %r, jobserver: true, timeout: 8s, stop: {grace: 0s}, allow_failure: true}
  w: {run: until sh ready.sh 2; do sleep 0.05; done, resources: {cpu: 0}}
  b: {run: sh job.sh b, needs: [w]}
"""
    jobs.file("job2.sh", "echo + a >> ledger; kill -STOP $$\n")
    halted = nested("descriptors", "a", 5).replace("job.sh", "job2.sh")
    jobs.file("w.yaml", text % halted)
    assert jobs.run("run", "w.yaml").code == 0
    assert lines(jobs) == ["+ a", "+ a", "+ b", "- b"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no step is taken over")
@pytest.mark.parametrize("tool", ["descriptors", pytest.param("make", marks=needs_make)])
def test_one_that_outlives_its_orchestrator_is_served_by_the_next(
    jobs: CommandLine, tool: str
) -> None:
    text = """
version: 1
budget: {cpu: 3}
steps:
  a: {run: %r, jobserver: true}
"""
    jobs.file("w.yaml", text % (nested(tool, "a", 3, "go") + "; " + nested(tool, "b", 6, "6")))
    process = jobs.start("run", "w.yaml")
    until(lambda: lines(jobs) == ["+ a"] * 3)
    die(process)
    (jobs.folder / "go").touch()
    resumed = jobs.start("resume")
    resumed.communicate(timeout=180)
    assert resumed.returncode == 0
    found = lines(jobs)
    assert (peak(found), peak(found, found.index("+ b"))) == (3, 3)


@needs_cargo
def test_cargo_runs_no_more_at_once_than_it_is_lent(jobs: CommandLine) -> None:
    build = 'fn main() { std::process::Command::new("sh").args(["job.sh", "a"])'
    build += '.current_dir("..").status().unwrap(); }\n'
    names = ["k1", "k2", "k3"]
    jobs.file("Cargo.toml", "[workspace]\nresolver = '2'\nmembers = %r\n" % names)
    for name in names:
        jobs.file(name + "/Cargo.toml", "[package]\nname = %r\nversion = '0.1.0'\n" % name)
        jobs.file(name + "/src/lib.rs", "").file(name + "/build.rs", build)
    text = (
        "version: 1\nbudget: {cpu: 1}\nsteps:\n  a: {run: cargo build --offline, jobserver: true}\n"
    )
    jobs.environ.update({"HOME": str(Path.home())})
    jobs.file("w.yaml", text)
    assert jobs.run("run", "w.yaml", timeout=240).code == 0
    assert (len(lines(jobs)), peak(lines(jobs))) == (6, 1)
