"""Tables of results."""

from __future__ import annotations

from tests.benchmarks.measuring import Cost
from tests.benchmarks.tables import Group, Result, Row, cpu_cell, detail, overview, row_of, values

NINJA = Result([Cost(1.0, 0.5, 4 * 10**6), Cost(3.0, 0.7, 4 * 10**6), Cost(2.0, 0.6, 4 * 10**6)])
OTHER = Result([Cost(4.0, 2.0, 10**7), Cost(6.0, 2.2, 10**7), Cost(4.0, 2.1, 10**7)])
GROUP = Group("shell", "wide", 1_000)
LARGE = Group("shell", "wide", 10_000)
FOUND = {
    GROUP: {"other": OTHER, "ninja": NINJA, "slow": Result([], "> 300 s")},
    LARGE: {"other": OTHER, "ninja": NINJA},
}


def test_a_rate_is_the_median_of_the_rounds_own_ratios():
    assert row_of(OTHER, NINJA, 1_000) == Row(3, 4.0, 4000.0, 4000.0, 6000.0, 2.1, 10**7, 0.5)


def test_there_is_no_row_of_who_did_not_end_all_rounds():
    assert row_of(OTHER._replace(fault="failed: 1"), NINJA, 1_000) is None


def test_a_table_of_one_group_leaves_nobody_out():
    assert detail(GROUP, FOUND[GROUP]).splitlines() == [
        "| shell, wide, 1,000 steps | rounds |   CPU s | CPU µs a step |  least to most | wall s |"
        " peak MB | rate, ninja = 1 |",
        "| ------------------------ | -----: | ------: | ------------: | -------------: | -----: |"
        " ------: | --------------: |",
        "| other                    |      3 |    4.00 |         4,000 | 4,000 to 6,000 |   2.10 |"
        "      10 |            0.50 |",
        "| ninja                    |      3 |    2.00 |         2,000 | 1,000 to 3,000 |   0.60 |"
        "       4 |            1.00 |",
        "| slow                     |        | > 300 s |               |                |        |"
        "         |                 |",
    ]


def test_an_overview_has_a_column_for_each_group_of_a_kind_shape_by_shape():
    chained = {"other": OTHER._replace(fault="> 9 s"), "ninja": NINJA}
    found = {
        GROUP: FOUND[GROUP],
        Group("shell", "chain", 1_000): chained,
        Group("program", "wide", 1_000): {},
        LARGE: FOUND[LARGE],
    }
    assert overview("shell", found, cpu_cell).splitlines() == [
        "| shell |   wide 1,000 | wide 10,000 |  chain 1,000 |",
        "| ----- | -----------: | ----------: | -----------: |",
        "| other | 4,000 (0.50) |  400 (0.50) |        > 9 s |",
        "| ninja | 2,000 (1.00) |  200 (1.00) | 2,000 (1.00) |",
        "| slow  |      > 300 s |           – |            – |",
    ]


def test_values_for_json_tell_faults_and_every_round():
    first, *_, slow = values({GROUP: FOUND[GROUP]})
    assert (first["contender"], first["rate"], len(first["costs"])) == ("other", 0.5, 3)
    assert slow == {
        "kind": "shell",
        "shape": "wide",
        "steps": 1_000,
        "contender": "slow",
        "fault": "> 300 s",
        "costs": [],
    }
