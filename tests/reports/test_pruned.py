from __future__ import annotations

import json

import pytest
from rich.cells import cell_len

from orchestra.model.look import Look
from orchestra.reports.pruned import pruned_json, render_pruned
from tests.golden.cases import PRUNED


@pytest.mark.parametrize("dry_run", [False, True])
def test_where_nothing_goes_it_says_so(dry_run: bool) -> None:
    assert render_pruned([], "/w", 80, Look(), dry_run) == "nothing to remove in /w\n"
    assert json.loads(pruned_json([], dry_run)) == {
        "format": 1,
        "dry_run": dry_run,
        "freed_bytes": 0,
        "runs": [],
    }


@pytest.mark.parametrize("width", range(36, 121))
def test_no_line_is_wider_than_the_screen_and_run_ids_stay_whole(width: int) -> None:
    table = render_pruned(PRUNED, "/w", width, Look(), False).split("\n\n")[0].splitlines()
    assert max(cell_len(line) for line in table) <= width
    assert [line.split(" ")[0] for line in table[1:]] == [run.run_id for run in PRUNED]


def test_one_run_is_one_run() -> None:
    text = render_pruned(PRUNED[:1], "/w\x1b[2J", 80, Look(), False)
    assert text.splitlines()[-1] == "1 run removed from /w\\e[2J, 8 KiB freed"
