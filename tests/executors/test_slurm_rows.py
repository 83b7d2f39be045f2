"""What Slurm's words for jobs mean."""

from __future__ import annotations

import pytest

from orchestra.executors.places import Fate
from orchestra.executors.slurm_accounts import account_rows_of
from orchestra.executors.slurm_rows import End, Row, end_of, rows_of

ENDED = Row("12", 3, "COMPLETED", 0, "train.0f", "n1", "")
NO_LOG = ""


def test_rows_are_read_and_lines_that_are_none_left_out() -> None:
    text = (
        "12|3|RUNNING|0|train.0f|n1|None\n"
        "a warning\n"
        "13|N/A|PENDING|0|train.1f||ReqNodeNotAvail, UnavailableNodes:n[1-2]|x\n"
        "14|N/A|FAILED|256|train.2f|n2|NonZeroExitCode\n"
    )

    assert list(rows_of(text)) == [
        Row("12", 3, "RUNNING", 0, "train.0f", "n1", ""),
        Row("13", None, "PENDING", 0, "train.1f", "", "ReqNodeNotAvail, UnavailableNodes:n[1-2]|x"),
        Row("14", None, "FAILED", 256, "train.2f", "n2", "NonZeroExitCode"),
    ]


def test_rows_of_the_accounts_say_the_same() -> None:
    text = "12_3|CANCELLED by 1000|0:15|train.0f|n1\n13|FAILED|3:0|train.1f|None assigned\n"

    assert list(account_rows_of(text)) == [
        Row("12", 3, "CANCELLED", 15, "train.0f", "n1", ""),
        Row("13", None, "FAILED", 3 << 8, "train.1f", "", ""),
    ]


@pytest.mark.parametrize(
    ("row", "end"),
    [
        (ENDED, End(Fate.ENDED)),
        (ENDED._replace(state="FAILED", status=3 << 8), End(Fate.ENDED)),
        (ENDED._replace(state="NODE_FAIL"), End(Fate.NODE_FAILED, "node n1 failed")),
        (ENDED._replace(state="BOOT_FAIL"), End(Fate.NODE_FAILED, "its node did not boot: n1")),
        (
            ENDED._replace(state="OUT_OF_MEMORY"),
            End(Fate.OUT_OF_MEMORY, "ended by Slurm on node n1: over its memory"),
        ),
        (
            ENDED._replace(state="TIMEOUT"),
            End(Fate.TIME_LIMIT, "ended by Slurm at its time limit"),
        ),
        (
            ENDED._replace(state="DEADLINE"),
            End(Fate.TIME_LIMIT, "ended by Slurm at its deadline"),
        ),
        (
            ENDED._replace(state="PREEMPTED", status=15),
            End(Fate.PREEMPTED, "preempted on node n1 by another job"),
        ),
        (ENDED._replace(state="CANCELLED"), End(Fate.CANCELLED, "cancelled in Slurm")),
        (
            ENDED._replace(state="REVOKED"),
            End(Fate.CANCELLED, "revoked: another cluster has it"),
        ),
        (
            ENDED._replace(state="FAILED", status=15),
            End(Fate.CANCELLED, "ended on node n1 by SIGTERM from outside"),
        ),
        (
            ENDED._replace(state="FAILED", status=1, node="", reason="BadConstraints"),
            End(Fate.NOT_LAUNCHED, "refused by Slurm: BadConstraints"),
        ),
        (
            ENDED._replace(state="FAILED", status=4021, reason="JobLaunchFailure"),
            End(
                Fate.NOT_LAUNCHED,
                "not started on node n1: Slurm could not start it and it wrote no log; "
                "is the folder of the run one that every node sees?",
            ),
        ),
    ],
    ids=lambda value: value.state if isinstance(value, Row) else "",
)
def test_a_final_state_says_why_a_job_is_over(row: Row, end: End) -> None:
    assert row.is_over
    assert end_of(row, NO_LOG) == end


KILLED = ENDED._replace(state="FAILED", status=9)


def test_a_kill_is_one_for_memory_only_where_the_log_says_so() -> None:
    log = (
        "slurmstepd-n2: error: StepId=13.batch exceeded memory limit (100 > 50), being killed\n"
        "slurmstepd-n2: error: StepId=13.batch exceeded memory limit (223 > 50), being killed\n"
        "slurmstepd-n2: error: Exceeded job memory limit\n"
    )

    reason = "ended by Slurm on node n1: over its memory"
    assert end_of(KILLED, log) == End(Fate.OUT_OF_MEMORY, reason, 223)
    other = end_of(KILLED, "slurmstepd: error: *** JOB 13 ON n1 CANCELLED ***")
    assert other == End(Fate.CANCELLED, "ended on node n1 by SIGKILL from outside")


def test_a_job_that_found_nothing_to_start_says_so_in_its_log() -> None:
    row = ENDED._replace(state="FAILED", status=66 << 8)

    assert end_of(row, "/x/start: cannot be read on n1\n") == End(
        Fate.NOT_LAUNCHED, "not started on node n1: /x/start: cannot be read on n1"
    )
    assert end_of(row, NO_LOG) == End(Fate.ENDED)


@pytest.mark.parametrize(
    "reason",
    [
        "AssocMaxCpuPerJobLimit",
        "BadConstraints",
        "PartitionTimeLimit",
        "QOSMaxMemoryPerJob",
        "QOSMaxWallDurationPerJobLimit",
    ],
)
def test_some_reasons_to_wait_never_end(reason: str) -> None:
    assert ENDED._replace(state="PENDING", reason=reason).never_runs


@pytest.mark.parametrize(
    "reason",
    [
        "",
        "AssocMaxJobsLimit",
        "JobHeldUser",
        "Licenses",
        "PartitionDown",
        "Priority",
        "QOSMaxCpuPerUserLimit",
        "ReqNodeNotAvail, UnavailableNodes:n[1-2]",
        "Resources",
    ],
)
def test_other_reasons_to_wait_do_end(reason: str) -> None:
    assert not ENDED._replace(state="PENDING", reason=reason).never_runs
