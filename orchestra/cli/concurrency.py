"""A run's turn in its concurrency group: waits for it, makes room for it, or says there is none."""

from __future__ import annotations

import select
from typing import List, NamedTuple, Optional, Sequence, Set

from orchestra.cli.terminal import Terminal
from orchestra.engine.scope import Scopes
from orchestra.engine.signals import SignalInbox
from orchestra.errors import ExitCode, GroupFull, UsageError
from orchestra.model.events import StopRequested
from orchestra.model.expression import ExpressionError, fill_text
from orchestra.model.run import RunState
from orchestra.model.screen_text import safe_line
from orchestra.model.workflow import Concurrency, GroupPolicy, Workflow
from orchestra.store.directory import StateDirectory
from orchestra.store.groups import Line, Member, Place
from orchestra.store.sqlite import RunStore

LOOK_MS = 100
"""How often it is looked whether it is a run's turn."""

_SHOWN = 3


class Unstarted(NamedTuple):
    """How a run ends that never had its turn."""

    state: RunState
    exit_code: int
    reason: str


class Turn(NamedTuple):
    """A run's place in its group, where it has one, or what becomes of it without a turn."""

    place: Optional[Place] = None
    unstarted: Optional[Unstarted] = None

    def leave(self) -> None:
        """The run is over."""
        if self.place is not None:
            self.place.leave()


def group_of(workflow: Workflow, scopes: Scopes) -> str:
    """The name of the workflow's group.

    Raises:
        UsageError: it cannot be evaluated.
    """
    rule = workflow.concurrency
    if rule is None or rule.group is None:
        return "file " + workflow.path
    if isinstance(rule.group, str):
        return "name " + rule.group
    try:
        return "name " + fill_text(rule.group, scopes.root_scope())
    except ExpressionError as fault:
        raise UsageError("concurrency.group: %s" % fault.message, fault.hint) from None


def take_turn(
    rule: Concurrency,
    group: str,
    run_id: str,
    outer_run: str,
    state: StateDirectory,
    signals: SignalInbox,
    terminal: Terminal,
) -> Turn:
    """The turn of a run, waited for where the rule says so; a signal ends the waiting.

    `outer_run` is the run in one of whose steps this one is started, empty for none.

    Raises:
        GroupFull: there is no room, and the rule says to fail.
        UsageError: it would wait for the run that waits for it.
        StoreError: the group cannot be kept.
    """
    line = Line(state, group)
    shown = safe_line(group.partition(" ")[2])
    room = rule.limit if rule.policy in (GroupPolicy.SKIP, GroupPolicy.FAIL) else None
    place, ahead = line.enter(run_id, room)
    if place is None:
        reason = "its group `%s` is held by %s" % (shown, _names(ahead))
        if rule.policy is GroupPolicy.FAIL:
            hint = "wait for its end, or write `policy: queue` to have it waited for"
            raise GroupFull("not started: %s" % reason, hint)
        return Turn(unstarted=Unstarted(RunState.SKIPPED, ExitCode.OK, reason))
    try:
        waiting = _Waiting(rule, line, place, state, terminal, shown, outer_run)
        unstarted = waiting.wait(signals)
    except BaseException:
        place.leave()
        raise
    if unstarted is not None:
        place.leave()
        return Turn(unstarted=unstarted)
    return Turn(place)


class _Waiting:
    """Waits at a place in a line until few enough are ahead."""

    def __init__(
        self,
        rule: Concurrency,
        line: Line,
        place: Place,
        state: StateDirectory,
        terminal: Terminal,
        group: str,
        outer_run: str,
    ) -> None:
        self._rule = rule
        self._line = line
        self._place = place
        self._store = RunStore(state)
        self._terminal = terminal
        self._group = group
        self._outer_run = outer_run
        self._asked: Set[str] = set()
        self._told = False

    def wait(self, signals: SignalInbox) -> Optional[Unstarted]:
        """None when it is the run's turn, else how it ends: a signal came first."""
        poller = select.poll()
        poller.register(signals.fileno(), select.POLLIN)
        while True:
            ahead = self._place.ahead()
            excess = len(ahead) - self._rule.limit + 1
            if excess <= 0:
                return None
            in_the_way = ahead[:excess]
            self._refuse_deadlock(ahead)
            if self._rule.policy is GroupPolicy.CANCEL_RUNNING:
                self._make_room(in_the_way)
            elif not self._told:
                self._say("waits for %s" % _names(ahead))
            self._told = True
            poller.poll(LOOK_MS)
            for asked in signals.drain():
                reason = "stopped by %s while it waited for %s" % (asked.cause, _names(ahead))
                return Unstarted(RunState.CANCELLED, asked.exit_code, reason)

    def _make_room(self, members: Sequence[Member]) -> None:
        for member in members:
            if member.run_id in self._asked:
                continue
            self._asked.add(member.run_id)
            why_not = self._line.ask_to_stop(member, self._is_stopping(member.run_id))
            if why_not:
                self._say("waits for run %s, which is not stopped: %s" % (member.run_id, why_not))
            else:
                self._say("stops run %s and waits for its end" % member.run_id)

    def _is_stopping(self, run_id: str) -> bool:
        envelopes = self._store.envelopes(run_id)
        try:
            return any(type(envelope.event) is StopRequested for envelope in envelopes)
        finally:
            self._store.close()

    def _refuse_deadlock(self, ahead: List[Member]) -> None:
        if any(member.run_id == self._outer_run for member in ahead):
            raise UsageError(
                "it is run by a step of run %s, which holds its group `%s` and would wait for it"
                % (self._outer_run, self._group),
                "give the two workflows different groups",
            )

    def _say(self, words: str) -> None:
        self._terminal.say("%s (group `%s`)" % (words, self._group))


def _names(members: Sequence[Member]) -> str:
    shown = ", ".join(member.run_id for member in members[:_SHOWN])
    more = " and %d more" % (len(members) - _SHOWN) if len(members) > _SHOWN else ""
    return "run%s %s%s" % ("" if len(members) == 1 else "s", shown, more)
