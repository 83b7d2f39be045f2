"""What every store of a run keeps; each member of `STORES` runs all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Iterator, List, NamedTuple, Optional, Sequence

import pytest

from orchestra.engine.ports import Store
from orchestra.engine.replay import fold
from orchestra.model.events import Envelope, Noted, StepEnded
from orchestra.model.expression import Value
from orchestra.store.directory import StateDirectory
from orchestra.store.sqlite import RunStore
from tests.store.story import BEGAN, ending, launched, opening, whole

RUN_ID = "20261122-110846-8000"


class Opened(NamedTuple):
    """A store for one run, and a way to read back what it has."""

    store: Store
    read: Callable[[], List[Envelope]]
    close: Callable[[], object]


class ListStore:
    """The least that is a store: it remembers. For the tests of whatever writes to one."""

    def __init__(self) -> None:
        self.envelopes: List[Envelope] = []

    def append(self, envelopes: Sequence[Envelope], lasting: bool = False) -> None:
        self.envelopes.extend(envelopes)

    def attend(self, at: float) -> Optional[float]:
        return None


def in_memory(_: Path) -> Opened:
    store = ListStore()
    return Opened(store, lambda: list(store.envelopes), lambda: None)


def in_sqlite(folder: Path) -> Opened:
    store = RunStore(StateDirectory(str(folder / ".orchestra")))
    journal = store.begin_run(BEGAN)

    def close() -> None:
        journal.close()
        store.close()

    return Opened(journal, lambda: list(store.envelopes(RUN_ID)), close)


STORES = [in_memory, in_sqlite]


@pytest.fixture(params=STORES, ids=lambda member: member.__name__)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    opened = request.param(tmp_path)
    yield opened
    opened.close()


def test_turns_come_back_in_order(opened: Opened) -> None:
    opened.store.append(opening(RUN_ID))
    opened.store.append(launched())
    opened.store.append(ending("failed", 1))

    assert opened.read() == whole(RUN_ID, "failed", 1)


def test_a_turn_can_be_read_as_soon_as_it_is_appended(opened: Opened) -> None:
    opened.store.append(opening(RUN_ID))

    assert opened.read() == opening(RUN_ID)


def test_a_turn_without_events_records_nothing(opened: Opened) -> None:
    opened.store.append([])
    opened.store.append(opening(RUN_ID))
    opened.store.append([])

    assert opened.read() == opening(RUN_ID)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        2**80,
        -0.1,
        1e300,
        "",
        "Zoë ☃ 𝄞 \x00 \x1b[31m \u2028",
        "not utf-8: \udcff, half a pair: \ud800",
        ["a", {"b": [1, 2.5, None]}, {}],
        "x" * 1_000_000,
    ],
)
def test_a_value_comes_back_as_it_was(opened: Opened, value: Value) -> None:
    event = StepEnded("a", "succeeded", "", {"value": value})

    opened.store.append([*opening(RUN_ID), Envelope(4, BEGAN, event)])

    assert opened.read()[-1] == Envelope(4, BEGAN, event)


def test_many_events_of_one_turn_come_back(opened: Opened) -> None:
    notes = [Envelope(seq, BEGAN, Noted("a", str(seq))) for seq in range(4, 20_004)]

    opened.store.append([*opening(RUN_ID), *notes])

    assert opened.read()[3:] == notes


def test_the_fold_of_what_was_recorded_is_the_fold_of_what_happened(opened: Opened) -> None:
    opened.store.append(opening(RUN_ID))
    opened.store.append(launched())
    opened.store.append(ending("succeeded", 0))

    assert fold(opened.read()) == fold(whole(RUN_ID))
