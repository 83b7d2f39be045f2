"""What steps came to in earlier runs is found again, the latest first, of the same file alone."""

from __future__ import annotations

import shutil
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path
from typing import Mapping

import pytest

from orchestra.model.sample import Sample
from orchestra.store.directory import StateDirectory
from orchestra.store.samples import read_samples
from orchestra.store.sqlite import RunStore
from tests.store.story import BEGAN, opening

FLOW = "/w/flow.yaml"


def keep(store: RunStore, samples: Mapping[str, Sample], path: str = FLOW) -> None:
    """Have a run that came to that."""
    with closing(store.begin_run(BEGAN)) as journal:
        journal.append(opening(journal.folder.run_id))
        journal.learn(path, samples)


def of(seconds: float) -> Sample:
    return Sample(1, seconds, 2**20, 900)


def test_the_latest_is_first(store: RunStore) -> None:
    keep(store, {"a": of(1.0), "deploy/b": Sample(3, 2.5, None, None)})
    keep(store, {"a": of(2.0)})
    assert read_samples(store, FLOW, 2, 9) == {
        "a": [of(2.0), of(1.0)],
        "deploy/b": [Sample(3, 2.5, None, None)],
    }


def test_another_file_has_its_own(store: RunStore) -> None:
    keep(store, {"a": of(1.0)}, "/w/other.yaml")
    assert read_samples(store, FLOW, 1, 9) == {}


def test_without_a_record_there_are_none(store: RunStore) -> None:
    assert read_samples(store, FLOW, 1, 9) == {}


def test_no_more_runs_are_looked_at_than_it_takes(store: RunStore) -> None:
    for seconds in (1.0, 2.0, 3.0):
        keep(store, {"a": of(seconds), "b": of(seconds)})
    assert read_samples(store, FLOW, 2, 2)["a"] == [of(3.0), of(2.0)]


def test_a_step_that_is_up_to_date_most_of_the_time_is_still_known(store: RunStore) -> None:
    keep(store, {"a": of(1.0), "b": of(7.0)})
    for _ in range(5):
        keep(store, {"a": of(1.0)})
    assert read_samples(store, FLOW, 4, 2)["b"] == [of(7.0)]


DAMAGED = [
    "[1,2]",
    "3",
    '{"a":5}',
    '{"a":"abcd"}',
    '{"a":[1,2]}',
    '{"a":[1,NaN,1,1]}',
    '{"a":[1,Infinity,1,1]}',
    '{"a":[1,"x",1,1]}',
    '{"a":[1,-5,1,1]}',
    '{"a":[1,1%s,1,1]}' % ("0" * 400),
    '{"a":[0.5,1,1,1]}',
    '{"a":[1,1,"x",1]}',
    '{"a":[1,1,1,1e30]}',
    "[" * 100_000,
    " " * 2**27 + '{"a":[1,1,1,1]}',
]


@pytest.mark.parametrize(
    "cell", ["junk", 7, b"junk", *(zlib.compress(t.encode()) for t in DAMAGED)]
)
def test_what_no_run_has_left_is_passed_over(store: RunStore, cell: object) -> None:
    keep(store, {"a": of(1.0)})
    keep(store, {"a": of(2.0)})
    with closing(sqlite3.connect(store.state.database)) as connection:
        connection.execute("UPDATE samples SET steps = ? WHERE number = 2", (cell,))
        connection.commit()
    assert read_samples(store, FLOW, 1, 9) == {"a": [of(1.0)]}


def test_the_samples_of_this_format_are_found(state: StateDirectory) -> None:
    state.create()
    shutil.copyfile(str(Path(__file__).parent / "records" / "format-4.db"), state.database)
    with closing(RunStore(state)) as store:
        assert read_samples(store, FLOW, 1, 9) == {"a": [Sample(1, 2.5, 2**20, 990)]}
