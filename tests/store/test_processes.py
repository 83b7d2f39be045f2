from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
from typing import Callable, List, Tuple

from orchestra.model.events import Envelope, Noted, RunFinished
from orchestra.model.run import RunState
from orchestra.store.directory import StateDirectory
from orchestra.store.sqlite import RunStore
from tests.store.story import BEGAN, opening

Job = Tuple[Callable[..., None], Tuple[object, ...]]

ENDLESS = """
import itertools, sys
from orchestra.model.events import Envelope, Noted
from orchestra.store.directory import StateDirectory
from orchestra.store.sqlite import RunStore
from tests.store.story import BEGAN, opening

journal = RunStore(StateDirectory(sys.argv[1])).begin_run(BEGAN)
journal.append(opening(journal.folder.run_id))
for seq in itertools.count(4):
    journal.append([Envelope(seq, BEGAN, Noted("", str(seq)))])
    print(seq, flush=True)
"""


def write(path: str, now: float, notes: int) -> None:
    journal = RunStore(StateDirectory(path)).begin_run(now)
    journal.append(opening(journal.folder.run_id))
    for seq in range(4, notes + 4):
        journal.append([Envelope(seq, now, Noted("", "note"))])
    journal.append([Envelope(notes + 4, now, RunFinished("succeeded", 0, ""))])
    journal.close()


def read(path: str) -> None:
    store = RunStore(StateDirectory(path))
    for _ in range(30):
        for row in store.runs(5):
            assert [envelope.seq for envelope in store.envelopes(row.run_id)][:3] == [1, 2, 3]
    store.close()


def at_once(jobs: List[Job]) -> List[int]:
    """The exit codes of processes that do their jobs, all let go at the same moment."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(len(jobs))

    def work(function: Callable[..., None], arguments: Tuple[object, ...]) -> None:
        barrier.wait(60)
        function(*arguments)

    processes = [context.Process(target=work, args=job) for job in jobs]
    for process in processes:
        process.start()
    for process in processes:
        process.join(600)
    return [process.exitcode if process.exitcode is not None else -1 for process in processes]


def begin_and_kill(state: StateDirectory, turns: int) -> int:
    """Kill a writer after it has said so many turns; the last it said before it died."""
    writer = subprocess.Popen([sys.executable, "-c", ENDLESS, state.path], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    for _ in range(turns):
        writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    rest = writer.stdout.read().split(b"\n")
    writer.stdout.close()
    writer.wait()
    return turns + 3 + len(rest) - 1


def test_fifty_starters_in_one_second_make_fifty_runs(
    store: RunStore, state: StateDirectory
) -> None:
    codes = at_once([(write, (state.path, BEGAN, 1))] * 50)

    assert codes == [0] * 50
    assert len(state.run_ids()) == 50
    assert sorted(row.run_id for row in store.runs(-1)) == state.run_ids()


def test_writers_and_readers_in_parallel_never_see_a_locked_store(
    store: RunStore, state: StateDirectory
) -> None:
    writers: List[Job] = [(write, (state.path, BEGAN + second, 300)) for second in range(20)]
    readers: List[Job] = [(read, (state.path,))] * 3

    codes = at_once([*writers, *readers])

    assert codes == [0] * 23
    assert [len(list(store.envelopes(row.run_id))) for row in store.runs(-1)] == [304] * 20


def test_what_was_appended_is_there_after_kill_9(store: RunStore, state: StateDirectory) -> None:
    said = begin_and_kill(state, 300)

    row = store.runs(1)[0]
    events = list(store.envelopes(row.run_id))

    assert (row.state, row.alive) == (RunState.RUNNING, False)
    assert events == [
        *opening(row.run_id),
        *(Envelope(seq, BEGAN, Noted("", str(seq))) for seq in range(4, len(events) + 1)),
    ]
    assert len(events) in (said, said + 1)


def test_a_new_run_begins_beside_one_that_was_killed(
    store: RunStore, state: StateDirectory
) -> None:
    begin_and_kill(state, 1)

    write(state.path, BEGAN + 1, 1)

    assert [(row.state, row.alive) for row in store.runs(-1)] == [
        (RunState.SUCCEEDED, False),
        (RunState.RUNNING, False),
    ]
