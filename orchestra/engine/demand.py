"""What a step asks for, of the budget and of time, and whether the run can ever hold it. Pure."""

from __future__ import annotations

from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple

from orchestra.engine.whereabouts import amounts_of, asked, asked_here, is_beside_room, mutex_name
from orchestra.model.errand import LOCAL, in_flight_name
from orchestra.model.expression import ExpressionError, Scope, fill_text
from orchestra.model.plan import Room
from orchestra.model.run import AttemptKey
from orchestra.model.units import format_amount, parse_duration
from orchestra.model.workflow import Step


class Refusal(NamedTuple):
    """A demand that no budget of this run can ever hold: for which resource, and what to do."""

    name: str
    message: str
    hint: str


def resolve_demand(step: Step, scope: Optional[Scope]) -> Dict[str, int]:
    """What a step takes of the budget, in `Amounts` units, mutexes included.

    Raises:
        ExpressionError: an amount cannot be evaluated, or is no amount of its resource.
    """
    demand = amounts_of(asked_here(step), scope)
    if step.executor != LOCAL and asked(step):
        demand[in_flight_name(step.executor)] = 1
    if step.body is not None:
        demand.update((mutex_name(mutex), 1) for mutex in step.mutex)
    return demand


def fit_demand(
    step: str, demand: Dict[str, int], room: Room
) -> Tuple[Optional[Refusal], Optional[str]]:
    """Fit a demand to the room: a refusal if it never can hold it, and a note.

    A cpu demand over what the machine has by default is lowered to it, in place, with the note.
    """
    note = None
    amounts = room.amounts
    for name, amount in demand.items():
        if is_beside_room(name) or (name in amounts and amount <= amounts[name]):
            continue
        if name == "cpu" and name not in room.given:
            demand[name] = amounts[name]
            note = "`%s` asks for %s cpu, this run has %s: lowered to it" % (
                step,
                format_amount(name, amount),
                format_amount(name, amounts[name]),
            )
        elif name not in amounts:
            message = "`%s` asks for %s of %s, and no budget has it" % (
                step,
                format_amount(name, amount),
                name,
            )
            hint = "add budget.%s to the file, or --budget %s=N" % (name, name)
            return Refusal(name, message, hint), None
        else:
            message = "`%s` asks for %s of %s, this run has %s" % (
                step,
                format_amount(name, amount),
                name,
                format_amount(name, amounts[name]),
            )
            hint = "ask for less, or give more: --budget %s=…" % name
            return Refusal(name, message, hint), None
    return None, note


def grown(
    key: AttemptKey, demand: Mapping[str, int], factors: Mapping[str, float], room: Room
) -> Tuple[Dict[str, int], List[str]]:
    """What an attempt asks for that wants so many times what the one before had, with notes.

    Amounts are rounded to their unit, and lowered to the room where they are over it. What is no
    part of the demand, but asked for elsewhere, grows there.
    """
    amounts, notes = dict(demand), []
    for name, factor in factors.items():
        if name not in demand:
            continue
        wanted, most = round(demand[name] * factor), room.amounts[name]
        amounts[name] = min(wanted, most)
        if demand[name] < most < wanted:
            notes.append(
                "attempt %d would ask for %s of %s, this run has %s: lowered to it"
                % (key.number, format_amount(name, wanted), name, format_amount(name, most))
            )
    return amounts, notes


def resolve_timeout_s(step: Step, scope: Scope) -> Optional[float]:
    """Seconds an attempt of the step may take, None where it has no limit.

    Raises:
        ExpressionError: the timeout cannot be evaluated, or is no duration.
    """
    if step.timeout is None or isinstance(step.timeout, float):
        return step.timeout
    try:
        text = fill_text(step.timeout, scope)
    except ExpressionError as fault:
        raise fault.within("timeout") from None
    try:
        return parse_duration(text)
    except ValueError:
        raise ExpressionError("timeout: %r is no duration" % text) from None
