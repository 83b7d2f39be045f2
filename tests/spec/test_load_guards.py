"""Nothing a file holds hangs, crashes or bloats the reader: each one ends, soon, with a fault."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Callable, Dict, List, Tuple

import pytest

from orchestra.spec.files import MAX_BYTES
from orchestra.spec.load import load
from orchestra.spec.reader import MAX_DEPTH

_MILLION = 1_000_000


def chain(first: bytes, link: Callable[[bytes, bytes], bytes], levels: int) -> bytes:
    """`a` is `first`, and every further letter is made of the one before it."""
    lines = [b"a: &a " + first]
    for number in range(levels):
        before, name = b"%c" % (97 + number), b"%c" % (98 + number)
        lines.append(name + b": &" + name + b" " + link(before, name))
    return b"\n".join(lines) + b"\n"


def ten_times(before: bytes, _name: bytes) -> bytes:
    return b"[" + b",".join([b"*" + before] * 10) + b"]"


def merged_ten_times(before: bytes, name: bytes) -> bytes:
    return b"{<<: " + ten_times(before, name) + b"}"


def merged_and_kept(before: bytes, name: bytes) -> bytes:
    pairs = b", ".join(b"%s%d: *%s" % (name, n, before) for n in range(3))
    return b"{<<: *" + before + b", " + pairs + b"}"


SMALL: Dict[str, Tuple[bytes, str]] = {
    "nested flow lists": (b"[" * 5000, "too-deep"),
    "nested lists, closed": (b"[" * 5000 + b"]" * 5000, "too-deep"),
    "nested flow mappings": (b"{a: " * 5000, "too-deep"),
    "nested lists on a line": (b"- " * 5000, "too-deep"),
    "nested keys": (b"? " * 5000, "key-type"),
    "nested by indentation": (b"\n".join(b" " * n + b"a:" for n in range(200)), "too-deep"),
    "one level too deep": (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "too-deep"),
    "deep by an alias": (
        b"a: &a " + b"[" * 40 + b"]" * 40 + b"\nb: " + b"[" * 40 + b"*a",
        "too-deep",
    ),
    "deep by a chain of aliases": (
        chain(b"[[[[[[[[1]]]]]]]]", lambda before, _: b"[[[[[[[[*" + before + b"]]]]]]]]", 20),
        "too-deep",
    ),
    "an alias bomb": (chain(b"[x,x,x,x,x,x,x,x,x,x]", ten_times, 7), "alias-bomb"),
    "an alias bomb of mappings": (
        chain(b"{k: v}", lambda before, _: b"{p: *%s, q: *%s}" % (before, before), 24),
        "alias-bomb",
    ),
    "a merge bomb that copies": (chain(b"{k: v, l: w}", merged_and_kept, 20), "alias-bomb"),
    "a quadratic bomb": (
        b"a: &a [" + b"x," * 20_000 + b"]\nb: [" + b"*a," * 20_000 + b"]",
        "alias-bomb",
    ),
    "a list that holds itself": (b"&a [*a]", "self-alias"),
    "a mapping that holds itself": (b"steps: &a {a: *a}", "self-alias"),
    "a mapping that merges itself": (b"steps: &a {<<: *a}", "self-alias"),
    "a merge bomb that stays small": (chain(b"{k: v}", merged_ten_times, 7), "missing-key"),
    "a key of a million letters": (b"a" * _MILLION + b": 1", "yaml"),
    "a quoted key of a million letters": (b'? "' + b"a" * _MILLION + b'"\n: 1', "missing-key"),
    "a thousand anchors": (
        b"".join(b"k%d: &a%d v\n" % (n, n) for n in range(1000)),
        "missing-key",
    ),
    "a thousand aliases": (b"steps: {}\na: &a v\nb: [" + b"*a," * 1000 + b"]", "unknown-key"),
    "a number of 5,000 digits": (b"steps: " + b"9" * 5000, "type"),
    "a million quotes": (b'"' * _MILLION, "yaml"),
    "a million colons": (b"a: " * _MILLION, "yaml"),
    "a million documents": (b"---\n" * _MILLION, "second-document"),
    "a million directives": (b"%A\n" * _MILLION, "yaml"),
    "a million open flow keys": (b"{" + b"? " * _MILLION, "yaml"),
    "an expression of 100,000 brackets": (
        b'vars: {a: "${{ ' + b"(" * 100_000 + b' }}"}\nsteps: {a: {run: x}}',
        "expression",
    ),
    "a condition of 30,000 nots": (b"steps: {a: {if: '" + b"not " * 30_000 + b"x'}}", "expression"),
    "a script of a megabyte with values": (
        b'steps: {a: {run: "' + b"x ${{ run.id }} " * 65_536 + b'"}}',
        "too-long",
    ),
    "too many needs": (
        b"steps: {a: {needs: [" + b",".join(b"s%d" % n for n in range(100_001)) + b"]}}",
        "too-many",
    ),
    "a circle of 1,000 variables": (
        b"vars:\n"
        + b"".join(b"  v%d: ${{ vars.v%d }}\n" % (n, (n + 1) % 1000) for n in range(1000))
        + b"steps: {a: {run: x}}",
        "vars-circle",
    ),
}


@pytest.mark.parametrize("name", SMALL)
def test_a_bomb_of_a_few_bytes_is_refused(name: str) -> None:
    data, code = SMALL[name]
    loaded = load("bomb.yaml", data)
    assert (loaded.workflow, code in [fault.code for fault in loaded.faults]) == (None, True)


def test_nesting_as_deep_as_is_allowed_is_read() -> None:
    deep = b"[" * (MAX_DEPTH - 2) + b"]" * (MAX_DEPTH - 2)
    loaded = load("deep.yaml", b"vars: {a: " + deep + b"}\nsteps: {a: {run: x}}")
    assert loaded.faults == ()


def test_10_000_faulty_steps_are_told_as_50_and_a_number() -> None:
    steps = "".join("  s%d: {run: x, retries: 2}\n" % number for number in range(10_000))
    faults = load("f.yaml", ("steps:\n" + steps).encode()).faults
    assert (len(faults), faults[0].line, faults[49].line, faults[50].message) == (
        51,
        2,
        51,
        "and 9950 more",
    )


def test_looking_for_faults_stops_when_there_are_a_thousand() -> None:
    steps = "".join("  s%d: {run: '${{ params.x }}'}\n" % number for number in range(2000))
    faults = load("f.yaml", ("steps:\n" + steps).encode()).faults
    assert (len(faults), faults[50].message) == (51, "and at least 950 more")


_CHILD = """
import json, os, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
resource.setrlimit(resource.RLIMIT_CPU, (30, 30))
from orchestra.cli.messages import format_faults
from orchestra.spec.load import load
data = eval(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF)
loaded = load("big.yaml", data)
words = format_faults(loaded.faults, loaded.text)
after = resource.getrusage(resource.RUSAGE_SELF)
def peak_bytes():
    # on Linux ru_maxrss begins with what the parent had
    if os.path.exists("/proc/self/status"):
        lines = open("/proc/self/status").read().splitlines()
        return [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")][0]
    return after.ru_maxrss
print(json.dumps({
    "is_workflow": loaded.workflow is not None,
    "code": loaded.faults[0].code,
    "words_are_short": len(words) < 100_000,
    "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    "rss": peak_bytes(),
}))
"""

HUGE: List[Tuple[str, str]] = [
    ("b'[' * 1_000_000", "too-deep"),
    ("b'[' * 1_000_000 + b']' * 1_000_000", "too-deep"),
    ("b'{a: ' * 1_000_000", "too-deep"),
    ("b'- ' * 1_000_000", "too-deep"),
    ("b'? ' * 1_000_000", "key-type"),
    ("b'a: ' + b'x' * %d + '\\U0001f600'.encode()" % (MAX_BYTES - 10), "missing-key"),
    ("b'a: |\\n' + b' x\\n' * %d" % (MAX_BYTES // 3 - 10), "missing-key"),
    ("b'\\n' * %d" % MAX_BYTES, "empty"),
    ("b'- aa\\n' * %d" % (MAX_BYTES // 5), "too-large"),
    ("b'steps: [' + b''.join(b'v%%d,' %% n for n in range(%d)) + b']'" % 1_400_000, "type"),
    ("b'steps:\\n' + b''.join(b' a%d:\\n' % n for n in range(700_000))", "too-many"),
    ("b'a: 1\\n' * 700_000", "missing-key"),
    ("b''.join(b'k%d: &a%d v\\n' % (n, n) for n in range(300_000))", "missing-key"),
]


@pytest.mark.parametrize(("expression", "code"), HUGE, ids=[row[0][:40] for row in HUGE])
def test_a_huge_file_costs_less_than_15_seconds_and_300_megabytes(
    expression: str, code: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, expression], capture_output=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, b"")
    found: Dict[str, Any] = json.loads(done.stdout)
    is_cheap = found.pop("cpu_s") < 15, found.pop("rss") < 300 * 2**20
    assert (found, is_cheap) == (
        {"is_workflow": False, "code": code, "words_are_short": True},
        (True, True),
    )
