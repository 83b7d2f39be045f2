"""What every record of successes and of digests keeps; each member of `RECORDS` runs all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import pytest

from orchestra.engine.caching import Digests, KeptSuccess, Successes
from orchestra.model.events import (
    AttemptEnded,
    CacheMissed,
    Envelope,
    Event,
    StepEnded,
    SuccessKept,
)
from orchestra.model.run import plain_id
from orchestra.store.cache import FileDigests, KeptSuccesses
from orchestra.store.directory import StateDirectory
from orchestra.store.sqlite import RunStore
from tests.store.story import BEGAN, started

A = b"/w/a\xff"


class Record(NamedTuple):
    """What is kept, and a way to record a run of some turns; it gives the run's id."""

    successes: Successes
    digests: Digests
    run: Callable[[Sequence[Sequence[Event]]], str]
    close: Callable[[], object]


class DictRecord:
    """The least that keeps successes and digests: it remembers."""

    def __init__(self) -> None:
        self._runs = 0
        self._kept: List[Tuple[str, str, KeptSuccess, List[bool]]] = []
        self._digests: Dict[bytes, Tuple[str, str]] = {}

    def run(self, turns: Sequence[Sequence[Event]]) -> str:
        self._runs += 1
        run_id = "run-%d" % self._runs
        fingerprint_by_step: Dict[str, str] = {}
        for turn in turns:
            outputs = {e.step: e.outputs for e in turn if isinstance(e, StepEnded)}
            for event in turn:
                if isinstance(event, SuccessKept):
                    kept = KeptSuccess(run_id, event.parts, event.files, outputs[event.step])
                    self._kept.append((event.step, event.fingerprint, kept, [True]))
                elif isinstance(event, CacheMissed):
                    fingerprint_by_step[event.step] = event.fingerprint
                    self._withdraw(event.step, event.fingerprint)
                elif isinstance(event, AttemptEnded) and event.outcome != "succeeded":
                    self._withdraw(event.step, fingerprint_by_step[event.step])
        return run_id

    def _withdraw(self, step: str, fingerprint: str) -> None:
        for other, its_fingerprint, _, stands in self._kept:
            if plain_id(other) == plain_id(step) and fingerprint in ("", its_fingerprint):
                stands[0] = False

    def success(self, step: str, fingerprint: str) -> Optional[KeptSuccess]:
        found = [
            kept
            for s, f, kept, stands in self._kept
            if (plain_id(s), f) == (plain_id(step), fingerprint) and stands[0]
        ]
        return found[-1] if found else None

    def last_success(self, step: str) -> Optional[KeptSuccess]:
        same = [kept for s, _, kept, _ in self._kept if s == step]
        alike = [kept for s, _, kept, _ in self._kept if plain_id(s) == plain_id(step)]
        found = same or alike
        return found[-1] if found else None

    def digest(self, path: bytes, stamp: str) -> Optional[str]:
        known = self._digests.get(path)
        return known[1] if known is not None and known[0] == stamp else None

    def remember(self, rows: Sequence[Tuple[bytes, str, str]]) -> None:
        self._digests.update((path, (stamp, digest)) for path, stamp, digest in rows)


def in_memory(_: Path) -> Record:
    record = DictRecord()
    return Record(record, record, record.run, lambda: None)


def in_sqlite(folder: Path) -> Record:
    store = RunStore(StateDirectory(str(folder / ".orchestra")))
    journal = store.begin_run(BEGAN)  # the run that asks; it has recorded nothing

    def run(turns: Sequence[Sequence[Event]]) -> str:
        other = store.begin_run(BEGAN)
        events = [[started(other.folder.run_id)], *turns]
        seq = 0
        for turn in events:
            other.append([Envelope(seq + n, BEGAN, event) for n, event in enumerate(turn, 1)])
            seq += len(turn)
        other.close()
        return other.folder.run_id

    def close() -> None:
        journal.close()
        store.close()

    return Record(KeptSuccesses(store, "/w"), FileDigests(store, journal), run, close)


RECORDS = [in_memory, in_sqlite]


@pytest.fixture(params=RECORDS, ids=lambda member: member.__name__)
def record(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Record]:
    record = request.param(tmp_path)
    yield record
    record.close()


def kept(step: str, fingerprint: str = "f", n: int = 1) -> List[Event]:
    """The end of a step whose success is kept, as one turn has it."""
    return [
        SuccessKept(step, fingerprint, {"key": str(n)}, {"out": "d"}),
        StepEnded(step, "succeeded", "", {"n": n}),
    ]


def test_a_record_without_runs_knows_nothing(record: Record) -> None:
    assert record.successes.success("a", "f") is None
    assert record.successes.last_success("a") is None
    assert record.digests.digest(A, "1") is None


def test_a_success_comes_back_with_its_outputs(record: Record) -> None:
    run_id = record.run([[*kept("b", n=2), *kept("a")]])
    assert record.successes.success("a", "f") == KeptSuccess(
        run_id, {"key": "1"}, {"out": "d"}, {"n": 1}
    )


def test_a_success_is_of_its_step_and_fingerprint(record: Record) -> None:
    record.run([kept("a")])
    assert record.successes.success("a", "g") is None
    assert record.successes.success("b", "f") is None


def test_the_latest_success_is_the_one(record: Record) -> None:
    record.run([kept("a", n=1)])
    second = record.run([kept("a", n=2)])
    third = record.run([kept("a", "g", n=3)])
    found = record.successes.success("a", "f")
    last = record.successes.last_success("a")
    assert found is not None
    assert last is not None
    assert (found.run_id, found.outputs, last.run_id) == (second, {"n": 2}, third)


def test_an_attempt_that_began_and_had_no_success_withdraws_what_it_repeats(record: Record) -> None:
    first = record.run([kept("a"), kept("b"), kept("a", "g")])
    record.run([[CacheMissed("a", "f", "--force")]])
    assert record.successes.success("a", "f") is None
    assert record.successes.success("a", "g") is not None
    assert record.successes.success("b", "f") is not None
    last = record.successes.last_success("a")
    assert last is not None
    assert last.run_id == first


def test_an_attempt_whose_fingerprint_nobody_knows_withdraws_all_of_its_step(
    record: Record,
) -> None:
    record.run([kept("a"), kept("b"), kept("a", "g")])
    record.run([[CacheMissed("a", "", "it cannot be told")]])
    found = [record.successes.success(*asked) for asked in (("a", "f"), ("a", "g"), ("b", "f"))]
    assert [each is not None for each in found] == [False, False, True]


def test_an_attempt_that_fails_withdraws_what_another_run_had_meanwhile(record: Record) -> None:
    missed = [CacheMissed("a[0]", "f", "new")]
    failed = AttemptEnded("a[0]", 1, "failed", 1, None, "exit code 1", None, None, None, 0)
    record.run([missed, kept("a", "f"), [failed]])
    assert record.successes.success("a", "f") is None


def test_a_success_after_that_stands_again(record: Record) -> None:
    record.run([kept("a")])
    second = record.run([[CacheMissed("a", "f", "--force")], kept("a")])
    found = record.successes.success("a", "f")
    assert found is not None
    assert found.run_id == second


def test_instances_share_what_is_kept(record: Record) -> None:
    record.run([kept("a[0]", "f"), kept("a[1]", "g", n=2)])
    found = record.successes.success("a", "g")
    assert found is not None
    assert found.outputs == {"n": 2}


def test_instances_that_succeed_in_one_turn_are_told_apart(record: Record) -> None:
    record.run([[*kept("a[0]", "f"), *kept("a[1]", "g", n=2)]])
    found = [record.successes.success("a[7]", fingerprint) for fingerprint in "fg"]
    assert [each and each.outputs for each in found] == [{"n": 1}, {"n": 2}]


def test_the_last_success_is_of_the_same_instance_where_it_has_one(record: Record) -> None:
    record.run([kept("a[0]", "f"), kept("a[1]", "g", n=2)])
    found = [record.successes.last_success(step) for step in ("a[0]", "a[1]", "a[2]")]
    assert [each and each.outputs for each in found] == [{"n": 1}, {"n": 2}, {"n": 2}]


def test_a_digest_is_of_a_path_and_its_stamp(record: Record) -> None:
    record.run([])
    record.digests.remember([(A, "1", "d1"), (b"/w/b", "1", "d2")])
    assert record.digests.digest(A, "1") == "d1"
    assert record.digests.digest(A, "2") is None
    record.digests.remember([(A, "2", "d3")])
    assert record.digests.digest(A, "1") is None
    assert record.digests.digest(A, "2") == "d3"
