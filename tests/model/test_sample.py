"""What a run teaches of its steps."""

from __future__ import annotations

import pytest

from orchestra.model.record import Attempt, RunRecord, StepRecord
from orchestra.model.run import Outcome
from orchestra.model.sample import Sample, durations_of, expected_s, percentile_95, samples_of


def attempt(seconds, outcome=Outcome.SUCCEEDED, memory=None, cpu_s=None):
    return Attempt(1, 0.0, 5.0, 5.0 + seconds, outcome, max_rss_bytes=memory, cpu_s=cpu_s)


def record_of(**attempts):
    record = RunRecord("r", "flow", "/w/flow.yaml", 0.0)
    for name, made in attempts.items():
        id = name.replace("__", "[").replace("_end", "]")
        record.step_by_id[id] = StepRecord(id, id, (), {}, attempts=made)
    return record


def test_a_step_is_as_its_attempt_that_succeeded():
    record = record_of(a=[attempt(9.0, Outcome.FAILED), attempt(2.0, memory=7, cpu_s=3.0)])
    assert samples_of(record) == {"a": Sample(1, 2.0, 7, 1500)}


def test_time_in_the_queue_of_an_engine_is_not_the_step_s():
    queued = attempt(60.0, cpu_s=3.0)
    queued.executor, queued.launched_at = "slurm", 63.0
    record = record_of(a=[queued])
    assert samples_of(record) == {"a": Sample(1, 2.0, None, 1500)}
    assert record.step_by_id["a"].duration_s == 2.0


@pytest.mark.parametrize("outcome", [None, *set(Outcome) - {Outcome.SUCCEEDED}])
def test_what_did_not_succeed_teaches_nothing(outcome):
    assert samples_of(record_of(a=[attempt(2.0, outcome)], b=[])) == {}


def test_instances_count_for_their_step():
    made = {"a__%d_end" % n: [attempt(float(n), memory=n)] for n in range(1, 5)}
    assert samples_of(record_of(**made)) == {"a": Sample(4, 2.5, 4, None)}


def test_handlers_teach_nothing():
    record = record_of(a=[attempt(1.0)], b=[attempt(1.0)])
    record.step_by_id["b"].is_handler = True
    assert list(samples_of(record)) == ["a"]


def test_the_cores_of_a_step_that_is_over_at_once_are_not_known():
    assert samples_of(record_of(a=[attempt(0.05, cpu_s=0.01)]))["a"].cpu is None


def test_how_long_it_takes_is_the_median_of_the_latest_runs():
    def of(*times):
        return [Sample(1, time, None, None) for time in times]

    assert expected_s(of(3.0)) == 3.0
    assert expected_s(of(3.0, 1.0)) == 2.0
    assert expected_s(of(9.0, 1.0, 2.0)) == 2.0
    assert expected_s(of(1.0, 1.0, 1.0, 9.0, 9.0, 9.0, 9.0, 9.0)) == 1.0
    assert durations_of({"a": of(4.0)}) == {"a": 4.0}


def test_a_percentile_is_one_of_the_values():
    assert percentile_95(range(1, 101)) == 95
    assert percentile_95([7]) == 7
    assert percentile_95([]) is None
