from __future__ import annotations

import re
import time
from typing import List, Optional, Tuple

import pytest
from rich.cells import cell_len

from orchestra.model.look import Look
from orchestra.model.plan import Plan, Prediction, Will
from orchestra.model.workflow import Step
from orchestra.reports.graph.plan_text import render_dot, render_mermaid
from orchestra.reports.plan_json import render_plan_json
from orchestra.reports.plan_table import render_plan_table
from tests.golden.plans import PREDICTION, nightly, plan_of, planned

NAME = 'a"b\\c#d<b>`e`\n;[x]{y}(z)|end\x1b'


def wide(count: int) -> Plan:
    steps = [planned("s%d" % i, [], 1, {"cpu": 1000}, (1.0, 2.0)) for i in range(count)]
    steps.append(planned("all", range(count), 2, {"cpu": 1000}, (1.0, 1.0)))
    return plan_of(steps, [0, count])


@pytest.mark.parametrize("width", range(40, 201))
def test_no_row_is_wider_than_the_screen(width: int) -> None:
    lines = render_plan_table(nightly(), PREDICTION, width, Look()).splitlines()[2:-1]
    assert max(cell_len(line) for line in lines) <= width


def test_a_plan_without_steps_has_no_table() -> None:
    text = render_plan_table(plan_of([], []), Prediction(0.0, {}), 80, Look())
    assert text.splitlines()[:5] == [
        "nightly: 0 steps in 0 waves",
        "",
        "",
        "budget         cpu 4, memory 8 GiB, db 4",
        "peak demand    nothing",
    ]


def test_one_step_is_not_told_as_many() -> None:
    text = render_plan_table(
        plan_of([planned("a", [], 1, {}, (1.0, 1.0))], [0]), PREDICTION, 80, Look()
    )
    assert text.splitlines()[0] == "nightly: 1 step in 1 wave, 1 run"


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ([(1.0, 1.0), (2.0, 2.0)], "predicted      1m02s"),
        ([(None, 1.0), (2.0, 2.0)], "predicted      1m02s  (1s for the step without a duration)"),
        (
            [(None, 1.0), (None, 1.0), (2.0, 2.0)],
            "predicted      1m02s  (1s for each of 2 steps without a duration)",
        ),
    ],
)
def test_a_prediction_says_how_much_of_it_is_a_guess(
    times: List[Tuple[Optional[float], float]], said: str
) -> None:
    steps = [planned("s%d" % n, [], 1, {}, time) for n, time in enumerate(times)]
    steps.append(planned("off", [], 1, {}, (None, 1.0), (Will.SKIP, "params.x is false")))
    steps.append(planned("gate", [], 1, {}, (None, 1.0))._replace(step=Step("gate", 9)))
    assert render_plan_table(plan_of(steps, [0]), PREDICTION, 80, Look()).splitlines()[-2] == said


def test_many_needs_are_counted() -> None:
    assert "s0, s1, s2, s3, s4, s5 +94" in render_plan_table(wide(100), PREDICTION, 160, Look())


def test_a_long_critical_path_is_shortened() -> None:
    steps = [planned("s%d" % i, [], i + 1, {}, (1.0, 1.0)) for i in range(10_000)]
    text = render_plan_table(plan_of(steps, range(10_000)), PREDICTION, 60, Look(unicode=False))
    line = next(line for line in text.splitlines() if line.startswith("critical path"))
    assert line == "critical path  s0 > s1 > s2 > s3 > s4 > s5 > s6 > s7 > s8 >~"


def test_no_name_ends_its_quotes_in_mermaid() -> None:
    line = render_mermaid(plan_of([planned(NAME, [], 1, {}, (None, 1.0))], [0])).splitlines()[1]
    label = re.fullmatch(r'    s0\["([^"]*)"\]:::run', line)
    assert label is not None
    assert re.fullmatch(r"(?:[\w .,/=+-]|#\d+;)*", label.group(1))
    decoded = re.sub(r"#(\d+);", lambda match: chr(int(match.group(1))), label.group(1))
    assert decoded == 'a"b\\c#d<b>`e`\\n;[x]{y}(z)|end\\e'


def test_no_name_ends_its_quotes_in_dot() -> None:
    text = render_dot(plan_of([planned(NAME, [], 1, {}, (None, 1.0))], [0], name='"; x'))
    assert text.splitlines()[0] == 'digraph "\\"; x" {'
    assert 's0 [label="a\\"b\\\\c#d<b>`e`\\\\n;[x]{y}(z)|end\\\\e", style=' in text


def test_ten_thousand_steps_with_ten_thousand_needs_are_quick() -> None:
    plan = wide(10_000)
    begun = time.process_time()
    sizes = [
        len(render_plan_table(plan, PREDICTION, 100, Look()).splitlines()),
        render_plan_json(plan, PREDICTION).count('"wave"'),
        render_mermaid(plan).count("-->") + render_mermaid(plan).count("==>"),
        render_dot(plan).count("->"),
    ]
    assert sizes == [10_012, 10_001, 10_000, 10_000]
    assert time.process_time() - begun < 5
