"""Steps with limits: real processes that take more than they may."""

from __future__ import annotations

import os
import sys
import time
from typing import List

import pytest

from orchestra.engine.ports import Ended
from orchestra.executors.cgroups import find_control_groups
from orchestra.executors.enforcement import NEVER, Enforcement, unlimited
from orchestra.executors.footprint import held_bytes, resident_bytes
from orchestra.executors.proc import Proc
from orchestra.model.run import AttemptKey, Limits
from tests.executors.workbench import Workbench, wait_until_gone

MIB = 2**20
MEMORY = Limits(memory_bytes=64 * MIB)
HOARD = "import time; x = bytearray(150 * 2**20); time.sleep(60)"
CORES = sorted(os.sched_getaffinity(0))


def run_limited(bench: Workbench, limits: Limits, *argv: str) -> Ended:
    return bench.end_of(start_limited(bench, limits, "limited", *argv))


def start_limited(bench: Workbench, limits: Limits, step: str, *argv: str) -> AttemptKey:
    key = AttemptKey(step, 1)
    invocation = bench.invocation(key, *argv)._replace(limits=limits)
    bench.executor.submit([(key, invocation)])
    return key


def turn_until_looked(bench: Workbench) -> None:
    """Let the executor look at the memory of all once more."""
    enforcement = bench.executor._enforcement
    assert enforcement is not None
    before = enforcement.sample_at
    while enforcement.sample_at == before:
        bench.turn()


def python(code: str) -> List[str]:
    return [sys.executable, "-c", code]


def test_a_process_over_the_limit_is_killed(bench: Workbench) -> None:
    ended = run_limited(bench, MEMORY, *python(HOARD))

    assert (ended.signal, ended.memory_limit_bytes) == ("SIGKILL", 64 * MIB)
    assert ended.max_rss_bytes is not None
    assert 64 * MIB < ended.max_rss_bytes < 250 * MIB


@pytest.mark.parametrize(
    "script",
    [
        '"$0" -c "$1"; exit 0',
        '(bash -c \'"$0" -c "$1"; true\' "$0" "$1"; true)',
        'setsid "$0" -c "$1" & wait',
        '(setsid "$0" -c "$1" & ) ; sleep 60',
    ],
    ids=["child", "child of a child", "session of its own", "forked away"],
)
def test_all_processes_of_a_step_count_and_are_killed(
    bench: Workbench, run_id: str, script: str
) -> None:
    ended = run_limited(bench, MEMORY, "bash", "-c", script, sys.executable, HOARD)

    assert (ended.signal, ended.memory_limit_bytes) == ("SIGKILL", 64 * MIB)
    wait_until_gone(run_id)


def test_many_small_ones_are_as_much_as_a_large_one(bench: Workbench) -> None:
    small = python("import time; x = bytearray(20 * 2**20); time.sleep(60)")
    script = 'for i in 1 2 3 4 5; do "$0" "$1" "$2" & done; wait'

    ended = run_limited(bench, MEMORY, "bash", "-c", script, *small)

    assert ended.memory_limit_bytes == 64 * MIB


def test_pages_that_are_shared_count_once(bench: Workbench) -> None:
    code = (
        "import os, time\nx = b'x' * (30 * 2**20)\n"
        "for _ in range(4):\n  if not os.fork():\n    time.sleep(0.5); os._exit(0)\n"
        "time.sleep(0.6)"
    )
    ended = run_limited(bench, MEMORY, *python(code))

    assert (ended.exit_code, ended.memory_limit_bytes) == (0, None)


def test_files_that_are_mapped_do_not_count(bench: Workbench) -> None:
    (bench.folder / "data").write_bytes(bytes(100 * MIB))
    code = (
        "import mmap, time\nf = open(%r, 'rb')\nm = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)\n"
        "n = sum(m[i] for i in range(0, len(m), 4096))\ntime.sleep(0.5)"
    )
    ended = run_limited(bench, MEMORY, *python(code % str(bench.folder / "data")))

    assert (ended.exit_code, ended.memory_limit_bytes) == (0, None)


def test_the_peak_of_the_whole_tree_is_told(bench: Workbench) -> None:
    until_seen = (
        "x = bytearray(40 * 2**20); print('up', flush=True)\nwhile not os.path.exists(%r): "
    )
    seen = bench.folder / "seen"
    half = python("import os, time; " + until_seen % str(seen) + "time.sleep(0.02)")
    key = start_limited(
        bench,
        Limits(memory_bytes=1024 * MIB),
        "limited",
        *("bash", "-c", '"$0" "$1" "$2" & "$0" "$1" "$2" & wait', *half),
    )
    while bench.wait_for_output(key, b"up\n").count(b"up\n") < 2:
        bench.turn()
    turn_until_looked(bench)
    seen.touch()
    ended = bench.end_of(key)

    assert (ended.exit_code, ended.memory_limit_bytes) == (0, None)
    assert ended.max_rss_bytes is not None
    assert 80 * MIB < ended.max_rss_bytes < 200 * MIB


def test_a_neighbour_without_limits_is_left_alone(bench: Workbench) -> None:
    free = bench.start(*python("import time; x = bytearray(150 * 2**20); time.sleep(1)"))
    key = start_limited(bench, MEMORY, "held", *python(HOARD))

    ends = bench.ends_of([key, free])

    assert [(end.signal, end.exit_code) for end in ends] == [("SIGKILL", None), (None, 0)]


def test_without_limits_nothing_is_looked_at(bench: Workbench) -> None:
    bench.run("true")
    assert bench.executor._enforcement is None
    run_limited(bench, MEMORY, "true")
    enforcement = bench.executor._enforcement
    assert enforcement is not None
    assert (enforcement.sample_at, bench.executor.due_in()) == (NEVER, None)


def test_looking_takes_a_tenth_of_the_time_at_most() -> None:
    enforcement = Enforcement(Proc())
    key = AttemptKey("a", 1)
    with enforcement.around_spawn(key, MEMORY):
        pass
    now = time.monotonic()

    enforcement.looked(now - 2.0)

    assert enforcement.sample_at - now > 19.0


SHOW_CORES = "import os; print(sorted(os.sched_getaffinity(0)), flush=True)"


def cores_of(bench: Workbench, limits: Limits, code: str = SHOW_CORES) -> List[int]:
    text = bench.log(run_limited(bench, limits, *python(code))).decode()
    return [int(word) for word in text.strip("[]\n").split(", ")]


@pytest.mark.parametrize(("cpu", "count"), [(1000, 1), (500, 1), (1001, 2), (10**9, 10**6)])
def test_a_step_is_born_with_as_many_cores_as_it_takes(
    bench: Workbench, cpu: int, count: int
) -> None:
    cores = cores_of(bench, Limits(cpu=cpu))

    assert (len(cores), set(cores) <= set(CORES)) == (min(count, len(CORES)), True)
    assert sorted(os.sched_getaffinity(0)) == CORES


def test_what_a_step_starts_has_its_cores_too(bench: Workbench) -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', %r])" % SHOW_CORES

    assert len(cores_of(bench, Limits(cpu=1000), code)) == 1


def test_steps_side_by_side_get_cores_of_their_own() -> None:
    enforcement = Enforcement(Proc())
    seen = []
    for number in range(2 * len(CORES)):
        with enforcement.around_spawn(AttemptKey("s", number), Limits(cpu=1000)):
            seen.extend(os.sched_getaffinity(0))
    assert sorted(seen) == sorted(2 * CORES)


def test_a_program_that_is_missing_leaves_the_cores_as_they_were(bench: Workbench) -> None:
    ended = run_limited(bench, Limits(64 * MIB, 1000), "no-such-program")

    assert ended.refusal.startswith("no-such-program: ")
    assert sorted(os.sched_getaffinity(0)) == CORES
    assert bench.executor.due_in() is None


def test_what_has_gone_holds_nothing() -> None:
    assert (resident_bytes(Proc(), [2**30]), held_bytes(Proc(), [2**30])) == (0, 0)


def test_a_kernel_that_tells_only_what_is_resident_is_believed(tmp_path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7/statm").write_text("9 5 1 0 0 0 0\n")
    proc = Proc(str(tmp_path))
    pages = 5 * os.sysconf("SC_PAGE_SIZE")
    assert (resident_bytes(proc, [7]), held_bytes(proc, [7])) == (pages, pages)


def test_linux_can_limit_both() -> None:
    assert unlimited() == set()


def test_this_machine_samples_or_has_a_delegated_group() -> None:
    groups = find_control_groups()
    assert groups is None or groups.limits_cpu in (True, False)
    if groups is not None:
        groups.close()
