"""A plan made by hand, to be shown."""

from __future__ import annotations

from typing import List, Mapping, Optional, Sequence, Tuple

from orchestra.model.plan import Plan, PlannedStep, Prediction, Room, Will
from orchestra.model.workflow import ShellScript, Step, Workflow

GIB = 1024**3
PREDICTION = Prediction(61.5, {"cpu": 3500, "memory": 2 * GIB, "db": 1})


def planned(
    name: str,
    needs: Sequence[int],
    wave: int,
    demand: Optional[Mapping[str, int]],
    times: Tuple[Optional[float], float],
    will: Tuple[Will, str] = (Will.RUN, "it has no condition"),
) -> PlannedStep:
    """One step; `times` are its duration and its rank in seconds."""
    return PlannedStep(
        Step(name, 0, ShellScript(("true",))),
        tuple(needs),
        (),
        wave,
        demand,
        times[0],
        times[1],
        will[0],
        will[1],
    )


def plan_of(steps: List[PlannedStep], critical_path: Sequence[int], name: str = "nightly") -> Plan:
    """A plan of these steps under a budget of 4 cpu and 8 GiB."""
    budget = {"cpu": 4000, "memory": 8 * GIB, "db": 4}
    return Plan(
        workflow=Workflow("/home/ann/nightly.yaml", "/home/ann", name, {}),
        steps=tuple(steps),
        params={},
        vars={},
        room=Room({}, budget),
        budget=budget,
        devices=(),
        max_parallel=None,
        fail_fast=False,
        critical_path=tuple(critical_path),
        work_s=71.5,
        lower_bound_s=60.0,
        notes=("'convert' asks for 8 cpu, this run has 4: lowered to it",),
    )


def nightly() -> Plan:
    """Six steps in four waves, each `will` among them."""
    cpu = {"cpu": 1000}
    return plan_of(
        [
            planned("fetch", [], 1, cpu, (5.0, 60.0)),
            planned("lint", [], 1, {"cpu": 500}, (None, 1.0)),
            planned("convert", [0], 2, {"cpu": 4000, "memory": 2 * GIB}, (40.0, 55.0)),
            planned("load", [2], 3, {"cpu": 1000, "db": 1}, (12.0, 15.0)),
            planned("archive", [0], 2, cpu, (3.0, 3.0), (Will.SKIP, "params.archive is false")),
            planned(
                "publish", [3, 4], 4, None, (2.0, 3.0), (Will.UNKNOWN, "asks steps.load.outputs")
            ),
        ],
        [0, 2, 3, 5],
    )
