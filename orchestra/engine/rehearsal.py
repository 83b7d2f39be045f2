"""The machine in virtual time: what a run of a plan comes to in which all goes well. Pure."""

from __future__ import annotations

from dataclasses import replace
from heapq import heappop, heappush
from typing import Dict, List, Mapping, Tuple

from orchestra.engine.machine import Machine
from orchestra.engine.opening import Origin
from orchestra.engine.ports import Ended, Launched, Launching, Written
from orchestra.engine.scope import Scopes
from orchestra.engine.stimuli import AttemptOver, Launch, Reaction, Stimulus
from orchestra.engine.timetable import guessed_demand
from orchestra.model.errand import LOCAL
from orchestra.model.plan import SPARED, Plan, PlannedStep, Policy, Prediction
from orchestra.model.run import AttemptKey
from orchestra.model.selection import EVERYTHING
from orchestra.model.workflow import ON_DONE, Foreach, InnerSteps, Need, Retry

_NOTHING_WRITTEN = Written({})


class Rehearsal:
    """A plan that the machine plays in virtual time, as often as there are policies to try."""

    def __init__(self, plan: Plan) -> None:
        steps = tuple(_unconditional(planned, plan.budget) for planned in plan.steps)
        # the environment is left out as well: some of it only a run can tell; and all went well
        workflow = replace(plan.workflow, env={}, default_env={}, env_files=(), handlers={})
        self._plan = replace(
            plan, workflow=workflow, steps=steps, notes=(), selection=EVERYTHING, at_end={}
        )
        self._scopes = Scopes(workflow, plan.params, plan.vars, {}, {})

    def play(self, policy: Policy) -> Tuple[Prediction, bool]:
        """What comes of it under a policy, and whether a share was ever reserved."""
        plan = replace(self._plan, policy=policy)
        machine = Machine(plan, self._scopes, Origin("", "", 0, ""), lambda: 0.5)
        ends: List[Tuple[float, int, AttemptKey]] = []
        in_use: Dict[str, int] = {}
        peak: Dict[str, int] = {}
        demand_by_key: Dict[AttemptKey, Mapping[str, int]] = {}
        now = 0.0
        reaction = machine.begin(now)
        while not machine.finished:
            stimuli: List[Stimulus] = []
            for launching in _launched(reaction):
                key, demand = launching.key, launching.demand
                assert launching.step.duration_s is not None
                heappush(ends, (now + launching.step.duration_s, len(demand_by_key), key))
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
        in_peak = {name: amount for name, amount in peak.items() if amount}
        return Prediction(now, in_peak), machine.has_reserved


def _launched(reaction: Reaction) -> List[Launching]:
    return [order.launching for order in reaction.orders if type(order) is Launch]


def _unconditional(planned: PlannedStep, budget: Mapping[str, int]) -> PlannedStep:
    """The step without anything that later values decide; one that will be skipped is a gate.

    A fan-out of which nobody knows the size yet counts as one instance.
    """
    step = planned.step
    is_spared = planned.will in SPARED
    body = None if is_spared else step.body
    inner = () if is_spared else planned.inner
    if inner:
        body = InnerSteps({})
    demand = planned.demand
    if demand is None:
        demand = guessed_demand(step, budget)
    fan_out = None
    if planned.instances is not None and body is not None:
        fan_out = Foreach(list(range(planned.runs)))
    return planned._replace(
        inner=tuple(_unconditional(each, budget) for each in inner),
        handlers={},
        at_end={},
        step=step._replace(
            fan_out=fan_out,
            body=body,
            name=None,
            condition=None,
            require=(),
            env={},
            needs=tuple(Need(need.step, ON_DONE) for need in step.needs),
            timeout=None,
            artifacts=None,
            retry=Retry(),
            duration_s=planned.expected_s,
            jobserver=False,
            success_codes=(0,),
            handlers={},
            cache=None,
            executor=LOCAL,  # the demand is all of it that counts
            executor_settings={},
        ),
        demand=demand,
    )
