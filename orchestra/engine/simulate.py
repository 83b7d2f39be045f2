"""The machine in virtual time: how long a plan takes, and how much it uses at once. Pure."""

from __future__ import annotations

from dataclasses import replace
from heapq import heappop, heappush
from typing import Dict, List, Mapping, Tuple

from orchestra.engine.machine import Machine
from orchestra.engine.opening import Origin
from orchestra.engine.planner import UNKNOWN_DURATION_S
from orchestra.engine.ports import Ended, Launched, Written
from orchestra.engine.scope import Scopes
from orchestra.engine.stimuli import AttemptOver, Launch, Reaction, Stimulus
from orchestra.model.plan import Plan, PlannedStep, Prediction, Will
from orchestra.model.run import AttemptKey
from orchestra.model.workflow import ON_DONE, Need, Retry

_NOTHING_WRITTEN = Written({})
_UNKNOWN_CPU = 1000


def predict(plan: Plan) -> Prediction:
    """The makespan when every step that may run does, and takes as long as the plan says."""
    steps = tuple(_unconditional(planned, plan.budget) for planned in plan.steps)
    # the environment is left out as well: some of it only a run can tell; and all went well
    workflow = replace(plan.workflow, env={}, default_env={}, env_files=(), handlers={})
    simple = replace(plan, workflow=workflow, steps=steps, notes=())
    scopes = Scopes(workflow, plan.params, plan.vars, {}, {})
    machine = Machine(simple, scopes, Origin("", "", 0, ""), lambda: 0.5)
    ends: List[Tuple[float, int, AttemptKey]] = []
    in_use: Dict[str, int] = {}
    peak: Dict[str, int] = {}
    demand_by_key: Dict[AttemptKey, Mapping[str, int]] = {}
    duration_by_id = {
        p.step.id: UNKNOWN_DURATION_S if p.duration_s is None else p.duration_s for p in steps
    }
    now = 0.0
    reaction = machine.begin(now)
    while not machine.finished:
        stimuli: List[Stimulus] = []
        for key, demand in _launched(reaction):
            heappush(ends, (now + duration_by_id[key.step], len(demand_by_key), key))
            demand_by_key[key] = demand
            stimuli.append(Launched(key, 0))
            for name, amount in demand.items():
                in_use[name] = in_use.get(name, 0) + amount
                peak[name] = max(peak.get(name, 0), in_use[name])
        if not stimuli:
            now = ends[0][0]
            while ends and ends[0][0] == now:
                key = heappop(ends)[2]
                for name, amount in demand_by_key[key].items():
                    in_use[name] -= amount
                stimuli.append(AttemptOver(Ended(key, exit_code=0), _NOTHING_WRITTEN))
        reaction = machine.handle(stimuli, now)
    return Prediction(now, {name: amount for name, amount in peak.items() if amount})


def _launched(reaction: Reaction) -> List[Tuple[AttemptKey, Mapping[str, int]]]:
    return [
        (order.launching.key, order.launching.demand)
        for order in reaction.orders
        if type(order) is Launch
    ]


def _unconditional(planned: PlannedStep, budget: Mapping[str, int]) -> PlannedStep:
    """The step without anything that later values decide; one that will be skipped is a gate."""
    step = planned.step
    body = None if planned.will in (Will.SKIP, Will.CACHED) else step.body
    demand = planned.demand
    if demand is None:
        demand = {"cpu": min(_UNKNOWN_CPU, budget["cpu"])}
    return planned._replace(
        step=step._replace(
            body=body,
            name=None,
            condition=None,
            require=(),
            env={},
            needs=tuple(Need(need.step, ON_DONE) for need in step.needs),
            timeout=None,
            retry=Retry(),
            success_codes=(0,),
            handlers={},
            cache=None,
        ),
        demand=demand,
    )
