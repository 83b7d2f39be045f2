from __future__ import annotations

from datetime import timezone
from typing import List

import pytest
from rich.cells import cell_len

from orchestra.model.look import Look
from orchestra.model.record import RunRecord
from orchestra.model.run import RunState
from orchestra.model.run_rows import RunRow
from orchestra.reports.history import render_runs, render_show
from tests.golden.cases import ROWS


def test_without_runs_it_says_so() -> None:
    assert render_runs([], 80, Look()) == "no runs yet\n"


@pytest.mark.parametrize("width", range(40, 201))
def test_no_line_is_wider_than_the_screen_and_run_ids_stay_whole(width: int) -> None:
    lines = render_runs(ROWS, width, Look(), timezone.utc).splitlines()
    assert max(cell_len(line) for line in lines) <= width
    assert [line.split(" ")[0] for line in lines[1:]] == [row.run_id for row in ROWS]


def test_names_are_shown_safe() -> None:
    row = RunRow("r1", "a\x1b[2J\nb", "/w", RunState.SUCCEEDED, 0.0, 1.0, 0, 0, 1)
    assert render_runs([row], 80, Look(), timezone.utc).splitlines()[1] == (
        "r1   a\\e[2J\\nb  succeeded  1      1970-01-01 00:00  1.0s"
    )


@pytest.mark.parametrize(
    ("cut_off", "shown"),
    [(True, ["nothing runs it any more; below is what was known last"]), (False, [])],
)
def test_a_run_that_was_cut_off_is_not_shown_as_one_that_goes_on(
    cut_off: bool, shown: List[str]
) -> None:
    record = RunRecord("r1", "flow", "/w/flow.yaml", 0.0)
    lines = render_show(record, 80, Look(), zone=timezone.utc, cut_off=cut_off).splitlines()
    assert [line[9:] for line in lines if line.startswith("cut off")] == shown
