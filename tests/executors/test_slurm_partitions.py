"""What partitions allow, as Slurm tells of them."""

from __future__ import annotations

from typing import Any, Mapping

import pytest

from orchestra.executors.slurm_partitions import Partition, partitions_in, too_long

TEXT = """\
PartitionName=main AllowGroups=ALL Default=YES MaxTime=1-02:30:05 State=UP TRES=cpu=4,mem=4G
PartitionName=long Default=NO MaxTime=UNLIMITED State=UP
PartitionName=short Default=NO MaxTime=00:10:00 State=UP
"""
LONG = ("--partition=short", "--time=11")


def test_partitions_are_read_with_what_they_allow() -> None:
    assert partitions_in(TEXT) == [
        Partition("main", True, 95405),
        Partition("long", False, None),
        Partition("short", False, 600),
    ]


@pytest.mark.parametrize(
    ("chosen", "minutes", "said"),
    [
        ({"partition": "short"}, 11, "partition `short` allows no more than 10m00s"),
        ({}, 1591, "partition `main` allows no more than 1d02h"),
        ({"partition": "short,main"}, 1591, "partition `main`, `short` allows no more than 1d02h"),
    ],
)
def test_a_time_beyond_all_that_are_meant_is_too_long(
    chosen: Mapping[str, Any], minutes: int, said: str
) -> None:
    assert said in too_long(partitions_in(TEXT), chosen, ["--time=%d" % minutes])


@pytest.mark.parametrize(
    ("chosen", "minutes"),
    [
        ({"partition": "short"}, 10),
        ({"partition": "short,long"}, 11),
        ({"partition": "short", "qos": "special"}, 11),
        ({"partition": "short", "extra": ["--time=1"]}, 11),
        ({"partition": "short", "extra": ["-p", "long"]}, 11),
        ({"partition": "unknown"}, 11),
    ],
)
def test_a_time_that_may_be_allowed_is_not(chosen: Mapping[str, Any], minutes: int) -> None:
    assert too_long(partitions_in(TEXT), chosen, ["--time=%d" % minutes]) == ""


def test_no_time_is_never_too_long() -> None:
    assert too_long(partitions_in(TEXT), {"partition": "short"}, ["--partition=short"]) == ""
