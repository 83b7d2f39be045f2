"""The steps of a run as a tree: the workflow's own, instances of fan-outs, the steps in steps.

It grows while the run goes on. Holds state; of what becomes of a step it decides nothing.
"""

from __future__ import annotations

from typing import Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from orchestra.engine.aftermath import PartRun, cleans_up, is_in_handler, sight
from orchestra.engine.block import Block
from orchestra.engine.budget import Budget
from orchestra.engine.demand import resolve_timeout_s
from orchestra.engine.fanout import rows_of
from orchestra.engine.group import Group
from orchestra.engine.halt import Halt, struck_why
from orchestra.engine.rules import starts_after_failure, starts_while_stopping
from orchestra.engine.scope import Scopes
from orchestra.engine.steprun import StepRun
from orchestra.model.expression import ExpressionError, Scope, Value
from orchestra.model.plan import Plan
from orchestra.model.selection import LeftOut, Place, spellings
from orchestra.model.workflow import FanOut, NeedResult, Uses


class StepTree:
    """All steps of a run. `runs` are in the order in which they came, each at its `index`."""

    def __init__(self, plan: Plan, scopes: Scopes, halt: Halt) -> None:
        self.root = Block(plan.steps, scopes, fail_fast=plan.fail_fast)
        self.runs: List[StepRun] = list(self.root.runs)
        self.run_by_id = {run.step.id: run for run in self.runs}
        self._selection = plan.selection
        self._halt = halt
        self._group_by_owner: Dict[str, Group] = {}
        self._block_by_owner: Dict[str, Block] = {}

    def expand(self, run: StepRun, fan_out: FanOut) -> Group:
        """Make the instances of a step; without any there is no group to close.

        Raises:
            ExpressionError: what they are made from cannot be evaluated, or one that a person chose
                is not among them.
        """
        rows = rows_of(fan_out, self.scope(run))
        if self._selection.options and not is_in_handler(run):
            known = {
                name for number, row in enumerate(rows) for name in spellings(row.label, number)
            }
            unknown = self._selection.unknown_instance(self._place(run), known)
            if unknown:
                raise ExpressionError(unknown)
        group = Group(run, rows, len(self.runs), run.block.fail_fast)
        self._add(group.members)
        run.items = group.items()
        if rows:
            self._group_by_owner[run.step.id] = group
        return group

    def items(self, run: StepRun, fan_out: FanOut) -> Optional[List[Value]]:
        """What the instances of a step would stand for, None where it cannot be told."""
        try:
            return [row.value for row in rows_of(fan_out, self.scope(run))]
        except ExpressionError:
            return None

    def group_of(self, owner: StepRun) -> Group:
        """The instances of a step, while one of them has not ended."""
        return self._group_by_owner[owner.step.id]

    def close_group(self, owner: StepRun) -> bool:
        """All instances of a step have ended; whether that is news."""
        return self._group_by_owner.pop(owner.step.id, None) is not None

    def never_admitted(self, owner: StepRun) -> Tuple[str, List[StepRun]]:
        """The instances of a step whose turn has not come and now never will, and why."""
        group = self._group_by_owner.get(owner.step.id)
        first = None if group is None else group.next_waiting()
        why_held = "" if first is None else self.why_held(first)
        return why_held, group.drain() if group is not None and why_held else []

    def beside(self, run: StepRun) -> List[StepRun]:
        """All steps that a step's failure may keep from starting, but not itself."""
        if run.instance_of is not None:
            around = [run.instance_of, *self.group_of(run.instance_of).members]
        else:
            around = self.within(run.block.runs)
        return [each for each in around if each is not run]

    def within(self, runs: Sequence[StepRun]) -> List[StepRun]:
        """Steps, and all that are parts of them, as far as they have not ended."""
        found = list(runs)
        for run in found:
            group = self._group_by_owner.get(run.step.id)
            block = self._block_by_owner.get(run.step.id)
            found.extend(group.members if group is not None else ())
            found.extend(block.runs if block is not None else ())
            for used in self._used_at_end(run):
                found.extend(used.runs)
        return found

    def _used_at_end(self, run: StepRun) -> Iterator[Block]:
        """The steps in the handlers of a step, and in those of the workflow that it uses."""
        for key in run.planned.handlers:
            block = self._block_by_owner.get("%s:%s" % (run.step.id, key))
            if block is not None:
                yield block
        for key in run.planned.at_end:
            block = self._block_by_owner.get("%s/:%s" % (run.step.id, key))
            if block is not None:
                yield block

    def blocks_of_handlers(self) -> List[Block]:
        """The steps in handlers that have not ended."""
        return [each for each in self._block_by_owner.values() if type(each.owner) is PartRun]

    def enter(self, run: StepRun, budget: Budget) -> Block:
        """Make the steps in a step; its `timeout_s` is that of all of them together.

        Raises:
            ExpressionError: its timeout, or what it gives to a workflow that it uses, is wrong.
        """
        block = self._block_in(run, budget)
        self._add(block.runs)
        self._block_by_owner[run.step.id] = block
        return block

    def block_in(self, step: str) -> Optional[Block]:
        """The steps in a step, while one of them has not ended."""
        return self._block_by_owner.get(step)

    def close_block(self, owner: StepRun) -> bool:
        """All steps in a step have ended; whether that is news."""
        return self._block_by_owner.pop(owner.step.id, None) is not None

    def strike(self, run: StepRun) -> bool:
        """A step has failed; whether that keeps others beside it from starting."""
        if run.instance_of is not None:
            return self.group_of(run.instance_of).strike(run)
        return run.block.strike(run)

    def why_held(self, run: StepRun) -> str:
        """Why the step may not start, nor another attempt of it; empty where it may."""
        ruled = (run.instance_of or run).step
        stop = self._halt.stop
        if self._halt.holds(ruled) and stop and (stop.at_once or not cleans_up(run)):
            return self._halt.why
        if type(run) is PartRun:
            return self._why_part_held(run)
        if run.instance_of is not None:
            struck_by = self._group_by_owner[ruled.id].struck_by
            if struck_by:
                return struck_why(struck_by)
        block: Optional[Block] = run.block
        while block is not None:
            owner = block.owner
            if block.called_off and owner is not None and not starts_while_stopping(ruled):
                return "`%s` %s" % (owner.step.id, block.called_off)
            if block.struck_by and stop is None and not starts_after_failure(ruled):
                return struck_why(block.struck_by)
            if type(owner) is PartRun:
                return self._why_part_held(owner)
            block = None if owner is None else owner.block
        return ""

    def _why_part_held(self, part: PartRun) -> str:
        """Why nothing more starts in a handler: only what is called off holds those."""
        block: Optional[Block] = part.block
        while block is not None:
            if block.called_off and block.owner is not None and not cleans_up(part, block):
                return "`%s` %s" % (block.owner.step.id, block.called_off)
            block = None if block.owner is None else block.owner.block
        return ""

    def left_out(self, run: StepRun) -> Optional[LeftOut]:
        """What a step counts with that a person chose not to run, None for any other."""
        if not self._selection.options or is_in_handler(run):
            return None
        return self._selection.left_out(self._place(run), run.step.id)

    def _place(self, run: StepRun) -> Place:
        owner = run.block.owner
        around = () if owner is None else self._place(owner)
        place = (*around, (run.local,))
        if run.instance_of is None:
            return place
        group = self._group_by_owner[run.instance_of.step.id]
        number = run.index - group.members[0].index
        return (*place, spellings(group.rows[number].label, number))

    def scope(
        self, run: StepRun, functions: Optional[Mapping[str, Callable[..., Value]]] = None
    ) -> Scope:
        """What the expressions of a step see that are asked before it has an attempt."""
        scopes, view = sight(run)
        return scopes.early_scope(run.step, view, functions, run.names)

    def status_functions(self, run: StepRun) -> Mapping[str, Callable[..., Value]]:
        """`always()` and its kin, as the `if` of a step asks them; of an instance, of its step."""
        ruled = run.instance_of or run
        return {
            "always": lambda: True,
            "cancelled": lambda: self._halt.stop is not None or run.block.is_stopped,
            "failure": lambda: ruled.failed_above,
            "success": lambda: all(
                run.block.end(need.step)[1] is NeedResult.SUCCESS for need in ruled.step.needs
            ),
        }

    def _add(self, runs: Sequence[StepRun]) -> None:
        self.runs.extend(runs)
        self.run_by_id.update((run.step.id, run) for run in runs)

    def _block_in(self, run: StepRun, budget: Budget) -> Block:
        outer, scope = run.block, self.scope(run)
        scopes, _ = sight(run)
        run.timeout_s = resolve_timeout_s(run.step, scope)
        inner, number, body = run.planned.inner, len(self.runs), run.step.body
        if not isinstance(body, Uses):
            return Block(
                inner,
                outer.scopes,
                number,
                outer.fail_fast,
                run,
                outer,
                run.names,
                outer.limits,
            )
        used, limits = body.workflow, outer.limits
        if used.timeout_s is not None:
            run.timeout_s = min(run.timeout_s or used.timeout_s, used.timeout_s)
        if used.max_parallel is not None:
            name = "steps in " + run.step.id
            budget.add(name, used.max_parallel)
            limits = {**limits, name: 1}
        inside = scopes.used(run.step, body, scope)
        return Block(inner, inside, number, used.fail_fast, run, limits=limits)
