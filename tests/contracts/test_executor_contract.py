"""What every executor does; each member of `PLACES` and `ENGINES` runs all of it."""

from __future__ import annotations

import os
import select
import time
import uuid
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence

import pytest

from orchestra.engine.ports import (
    Ended,
    Executor,
    ExecutorStimulus,
    Handle,
    Launched,
    Lost,
    Queued,
)
from orchestra.executors.hosted import HostedExecutor
from orchestra.executors.known import Opening, find_executor
from orchestra.executors.local import LocalExecutor
from orchestra.executors.mixed import MixedExecutor
from orchestra.model.errand import Errand
from orchestra.model.expression import Value
from orchestra.model.run import AttemptKey, Invocation
from tests.dask.engine import need_dask
from tests.engine.fakes import FakeExecutor

LIMIT_S = 200.0
A, B = AttemptKey("a", 1), AttemptKey("b", 1)


class Place(NamedTuple):
    """An executor, and what to submit to it so that an attempt goes as told.

    `exits` ends with that code, `dies` of that signal, `lasts` until it is stopped and by the
    signal it is stopped with, `insists` the same but only by SIGKILL; `cannot` never starts.
    """

    executor: Executor
    exits: Callable[[AttemptKey, int], Invocation]
    dies: Callable[[AttemptKey, str], Invocation]
    lasts: Callable[[AttemptKey], Invocation]
    insists: Callable[[AttemptKey], Invocation]
    cannot: Callable[[AttemptKey], Invocation]


Script = Callable[[AttemptKey, str], Invocation]


def scripts(run_id: str, folder: Path) -> Script:
    """What makes an attempt of a shell script."""

    def script(key: AttemptKey, text: str) -> Invocation:
        env = {
            b"PATH": b"/usr/bin:/bin",
            b"ORCHESTRA_RUN_ID": run_id.encode(),
            b"ORCHESTRA_STEP": key.step.encode(),
            b"ORCHESTRA_ATTEMPT": b"%d" % key.number,
        }
        return Invocation((b"sh", b"-c", text.encode()), env, "/", str(folder / ("%s.%d" % key)))

    return script


def of_scripts(executor: Executor, script: Script) -> Place:
    """An executor that runs processes, wherever."""
    return Place(
        executor=executor,
        exits=lambda key, code: script(key, "exit %d" % code),
        dies=lambda key, name: script(key, "kill -%s $$" % name[3:]),
        lasts=lambda key: script(key, "exec sleep 1000"),
        insists=lambda key: script(key, "trap '' TERM; while :; do sleep 0.05; done"),
        cannot=lambda key: script(key, "")._replace(argv=(b"/no/such/program",)),
    )


def here(folder: Path, request: pytest.FixtureRequest) -> Place:
    """Processes of this machine."""
    run_id = uuid.uuid4().hex
    return of_scripts(LocalExecutor(run_id), scripts(run_id, folder))


def hosted(
    run_id: str, folder: Path, on_hired: Optional[Callable[[int], None]] = None
) -> HostedExecutor:
    """An engine that runs processes, with a client in a helper."""
    return HostedExecutor(
        Opening("process", "tests.executors.process_place"),
        {"slots": 8},
        run_id,
        str(folder),
        environ=dict(os.environb),
        on_hired=on_hired,
    )


def elsewhere(folder: Path, request: pytest.FixtureRequest) -> Place:
    """Jobs of an engine."""
    run_id = uuid.uuid4().hex
    script = scripts(run_id, folder)
    errand = Errand("process")
    return of_scripts(
        hosted(run_id, folder), lambda key, text: script(key, text)._replace(errand=errand)
    )


def here_and_there(folder: Path, request: pytest.FixtureRequest) -> Place:
    """Attempts of step `a` on this machine, all others as jobs of an engine."""
    run_id = uuid.uuid4().hex
    local = LocalExecutor(run_id, folder=str(folder))
    there = hosted(run_id, folder, local.hire)
    script = scripts(run_id, folder)

    def placed(key: AttemptKey, text: str) -> Invocation:
        errand = None if key.step == "a" else Errand("process")
        return script(key, text)._replace(errand=errand)

    return of_scripts(MixedExecutor(local, {"process": there}), placed)


def on_slurm(folder: Path, request: pytest.FixtureRequest) -> Place:
    """Jobs of a cluster of Slurm."""
    cluster = request.getfixturevalue("shared_cluster")
    environ = {name.encode(): value.encode() for name, value in cluster.environ.items()}
    return on_engine("slurm", {}, folder, environ)


def on_dask(folder: Path, request: pytest.FixtureRequest) -> Place:
    """Tasks of a scheduler of Dask."""
    need_dask()
    address = request.getfixturevalue("shared_scheduler").address
    return on_engine("dask", {"scheduler": address}, folder, {})


def on_engine(
    name: str, settings: Mapping[str, Value], folder: Path, environ: Mapping[bytes, bytes]
) -> Place:
    """Jobs of one of orchestra's own engines."""
    run_id = uuid.uuid4().hex
    script = scripts(run_id, folder)
    executor = HostedExecutor(
        find_executor(name),
        settings,
        run_id,
        str(folder),
        environ={**os.environb, **environ},
    )
    return of_scripts(executor, lambda key, text: script(key, text)._replace(errand=Errand(name)))


def nowhere(folder: Path, request: pytest.FixtureRequest) -> Place:
    """No processes at all: the stand-in that the driver is tested with."""

    def words(*argv: bytes) -> Invocation:
        return Invocation(argv, {}, "/", str(folder / "log"))

    return Place(
        executor=FakeExecutor([]),
        exits=lambda key, code: words(b"exit", b"%d" % code),
        dies=lambda key, name: words(b"die", name.encode()),
        lasts=lambda key: words(b"last"),
        insists=lambda key: words(b"insist"),
        cannot=lambda key: words(b"refuse"),
    )


PLACES: Dict[str, Callable[[Path, pytest.FixtureRequest], Place]] = {
    "local": here,
    "fake": nowhere,
    "hosted": elsewhere,
    "mixed": here_and_there,
}
ENGINES: Dict[str, Callable[[Path, pytest.FixtureRequest], Place]] = {
    "slurm": on_slurm,
    "dask": on_dask,
}
OF_ENGINES = [pytest.param(name, marks=pytest.mark.engines) for name in ENGINES]


@pytest.fixture(params=[*PLACES, *OF_ENGINES])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    made = {**PLACES, **ENGINES}[request.param](tmp_path, request)
    yield made
    made.executor.close()


def collect(executor: Executor, ends: int) -> List[ExecutorStimulus]:
    """All that is told until so many have ended; only ever asked when there is a reason to."""
    told: List[ExecutorStimulus] = []
    deadline = time.monotonic() + LIMIT_S
    while sum(isinstance(each, Ended) for each in told) < ends:
        assert time.monotonic() < deadline
        select.select([executor.fileno()], [], [], executor.due_in())
        told.extend(executor.collect())
    return told


def launches(executor: Executor, count: int) -> List[ExecutorStimulus]:
    """All that is told until so many have been launched."""
    told: List[ExecutorStimulus] = []
    deadline = time.monotonic() + LIMIT_S
    while sum(isinstance(each, Launched) for each in told) < count:
        assert time.monotonic() < deadline
        select.select([executor.fileno()], [], [], executor.due_in())
        told.extend(executor.collect())
    return told


def kinds(told: Sequence[ExecutorStimulus], key: AttemptKey) -> List[type]:
    """What was told of an attempt, but that it waits in the queue of an engine."""
    return [type(each) for each in told if each.key == key and not isinstance(each, Queued)]


def last(told: Sequence[ExecutorStimulus]) -> Ended:
    """The end of the last, without its usage."""
    ended = told[-1]
    assert isinstance(ended, Ended)
    return ended._replace(cpu_s=None, max_rss_bytes=None)


def test_an_attempt_is_launched_once_and_ends_once(place: Place) -> None:
    place.executor.submit([(A, place.exits(A, 0)), (B, place.exits(B, 1))])

    told = collect(place.executor, 2)

    assert kinds(told, A) == kinds(told, B) == [Launched, Ended]
    assert place.executor.collect() == []


@pytest.mark.parametrize("code", [0, 1, 137, 255])
def test_an_exit_code_is_told(place: Place, code: int) -> None:
    place.executor.submit([(A, place.exits(A, code))])

    assert last(collect(place.executor, 1)) == Ended(A, exit_code=code)


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGTERM"])
def test_a_signal_is_told_by_name(place: Place, name: str) -> None:
    place.executor.submit([(A, place.dies(A, name))])

    assert last(collect(place.executor, 1)) == Ended(A, signal=name)


def test_what_cannot_start_ends_as_refused_and_others_go_on(place: Place) -> None:
    place.executor.submit([(A, place.cannot(A)), (B, place.exits(B, 0))])

    told = collect(place.executor, 2)

    assert kinds(told, A)[-1] is Ended
    (refused,) = [each for each in told if each.key == A and isinstance(each, Ended)]
    assert isinstance(refused, Ended)
    assert refused == Ended(A, refusal=refused.refusal)
    assert refused.refusal
    assert kinds(told, B) == [Launched, Ended]


def test_nothing_is_told_of_nothing(place: Place) -> None:
    place.executor.submit([])

    assert place.executor.collect() == []
    assert place.executor.running() == 0
    assert place.executor.due_in() is None
    assert place.executor.faults() == []


def test_collecting_does_not_wait_for_an_end(place: Place) -> None:
    place.executor.submit([(A, place.lasts(A))])
    started = time.monotonic()

    told = [each for _ in range(10) for each in place.executor.collect()]

    assert time.monotonic() - started < LIMIT_S
    assert Ended not in kinds(told, A)


def test_the_descriptor_is_readable_when_there_is_an_end_to_tell(place: Place) -> None:
    place.executor.submit([(A, place.exits(A, 0))])

    readable, _, _ = select.select([place.executor.fileno()], [], [], LIMIT_S)

    assert readable == [place.executor.fileno()]


def test_that_an_attempt_was_launched_is_told_while_it_runs(place: Place) -> None:
    place.executor.submit([(A, place.lasts(A))])

    told = launches(place.executor, 1)

    assert kinds(told, A) == [Launched]


def test_an_attempt_runs_from_its_submission_until_its_end_is_told(place: Place) -> None:
    place.executor.submit([(A, place.lasts(A)), (B, place.exits(B, 0))])
    counts = [place.executor.running()]

    collect(place.executor, 1)
    counts.append(place.executor.running())
    place.executor.stop(A, "SIGKILL")
    counts.append(place.executor.running())
    collect(place.executor, 1)
    counts.append(place.executor.running())

    assert counts == [2, 1, 1, 0]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_stop_ends_an_attempt_by_its_signal(place: Place, name: str) -> None:
    place.executor.submit([(A, place.lasts(A))])

    place.executor.stop(A, name)

    assert last(collect(place.executor, 1)) == Ended(A, signal=name)


def test_a_kill_ends_an_attempt_by_a_signal(place: Place) -> None:
    place.executor.submit([(A, place.lasts(A))])

    place.executor.stop(A, "SIGKILL")

    end = last(collect(place.executor, 1))
    asked, killed = Ended(A, signal="SIGTERM"), Ended(A, signal="SIGKILL")
    assert end in (asked, killed)  # an engine such as Slurm asks before it kills


def test_a_kill_ends_what_a_stop_does_not(place: Place) -> None:
    place.executor.submit([(A, place.insists(A)), (B, place.lasts(B))])

    place.executor.stop(A, "SIGTERM")
    place.executor.stop(A, "SIGKILL")
    place.executor.stop(A, "SIGKILL")

    told = collect(place.executor, 1)
    assert [each.key for each in told if isinstance(each, Ended)] == [A]
    assert place.executor.running() == 1


def test_to_stop_what_has_ended_or_never_was_does_nothing(place: Place) -> None:
    place.executor.submit([(A, place.exits(A, 0))])
    collect(place.executor, 1)

    place.executor.stop(A, "SIGTERM")
    place.executor.stop(A, "SIGKILL")
    place.executor.stop(B, "SIGKILL")

    assert place.executor.collect() == []
    assert place.executor.running() == 0


def test_an_end_that_is_not_collected_yet_is_not_changed_by_a_stop(place: Place) -> None:
    place.executor.submit([(A, place.exits(A, 3)), (B, place.exits(B, 4))])
    select.select([place.executor.fileno()], [], [], LIMIT_S)

    told = collect(place.executor, 2)
    place.executor.stop(A, "SIGKILL")

    codes = {each.key: each.exit_code for each in told if isinstance(each, Ended)}
    assert codes == {A: 3, B: 4}
    assert place.executor.collect() == []


def test_many_attempts_end_each_once(place: Place) -> None:
    keys = [AttemptKey("s%d" % number, 1) for number in range(100)]
    place.executor.submit([(key, place.exits(key, key.number)) for key in keys])

    told = collect(place.executor, 100)

    assert sorted(each.key for each in told if isinstance(each, Ended)) == sorted(keys)
    assert sorted(each.key for each in told if isinstance(each, Launched)) == sorted(keys)


def test_a_step_can_be_tried_again(place: Place) -> None:
    again = A._replace(number=2)
    place.executor.submit([(A, place.exits(A, 1))])
    collect(place.executor, 1)
    place.executor.submit([(again, place.exits(again, 0))])

    assert last(collect(place.executor, 1)) == Ended(again, exit_code=0)


def test_closing_ends_what_runs_and_may_be_done_twice(place: Place) -> None:
    place.executor.submit([(A, place.lasts(A)), (B, place.insists(B))])

    place.executor.close()
    place.executor.close()

    assert place.executor.running() == 0


def test_an_attempt_of_which_nothing_is_there_any_more_is_lost(
    place: Place, tmp_path: Path
) -> None:
    place.executor.reattach([Handle(A, 2**22 - 1, 1.0, str(tmp_path / "a.log"))])
    told: List[ExecutorStimulus] = []
    deadline = time.monotonic() + LIMIT_S
    while not told:
        assert time.monotonic() < deadline
        select.select([place.executor.fileno()], [], [], place.executor.due_in())
        told.extend(place.executor.collect())

    assert told == [Lost(A)]
    assert place.executor.running() == 0
