"""Judges a run by what its steps wrote, what orchestra reported, and its exit codes.

Trusts nothing that orchestra computes: needs, demands and the budget come from the test. Every
function gives the promises that were broken as sentences, none where all were kept.
"""

from __future__ import annotations

import os
from typing import Any, Dict, FrozenSet, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

from tests.faults.ledger import BEGIN, END, QUIET, Line

Report = Mapping[str, Any]

FINISHED = ("succeeded", "cached", "recovered", "allowed_failure")


class Rules(NamedTuple):
    """What a workflow promises.

    A step's need is a set of ledger names, one of which has to have ended with 0. Demands and the
    budget are amounts by resource, `demands` by step; those of an instance are its step's.
    """

    needs: Mapping[str, Sequence[FrozenSet[str]]]
    demands: Mapping[str, Mapping[str, int]]
    budget: Mapping[str, int]


class Known(NamedTuple):
    """What had been reported as a success when the ledger had so many lines."""

    lines: int
    steps: FrozenSet[str]


def successes(report: Report) -> FrozenSet[str]:
    """The steps, instances and handlers that a report calls done; handlers of the run may repeat.

    One whose attempt succeeded is done, though what comes after it may not be.
    """
    return frozenset(
        step["id"]
        for step in report["steps"]
        if not step["id"].startswith(":")
        and (
            step["state"] in FINISHED
            or any(attempt["outcome"] == "succeeded" for attempt in step["attempts"])
        )
    )


def lost(earlier: FrozenSet[str], later: FrozenSet[str]) -> List[str]:
    """I1: what was reported as a success stays one."""
    return ["I1: %s was a success and is none now" % step for step in sorted(earlier - later)]


def begun_again(lines: Sequence[Line], known: Sequence[Known]) -> List[str]:
    """I2: nothing begins after its success was reported."""
    return [
        "I2: %s began again (attempt %d) after its success was reported" % line[1:3]
        for each in known
        for line in lines[each.lines :]
        if line.word == BEGIN and line.step in each.steps
    ]


def overlapping(lines: Sequence[Line]) -> List[str]:
    """I3: two attempts of one step never run at the same time, no attempt runs twice."""
    found = []
    running: Dict[str, Line] = {}
    begun = set()
    for number, line in enumerate(lines):
        if line.word == QUIET:
            running.clear()
        elif line.word == END:
            if running.get(line.step, line).pid == line.pid:
                running.pop(line.step, None)
        else:
            other = running.get(line.step)
            if other is not None and _ends(lines[number:], other):
                found.append(
                    "I3: %s has attempts %d and %d at once"
                    % (line.step, other.attempt, line.attempt)
                )
            if line[1:3] in begun:
                found.append("I3: %s began attempt %d twice" % line[1:3])
            begun.add(line[1:3])
            running[line.step] = line
    return found


def _ends(lines: Sequence[Line], begin: Line) -> bool:
    """Whether that attempt tells its end in these lines: it was alive at the first of them."""
    return any(line.word == END and line.pid == begin.pid for line in lines)


def out_of_order(lines: Sequence[Line], rules: Rules) -> List[str]:
    """I3, I4: a step begins after all that it needs has ended well, and never beside it."""
    found = []
    ended = set()
    needed_by: Dict[str, str] = {}
    for line in lines:
        if line.word == END and line.status == 0:
            ended.add(line.step)
        elif line.word == BEGIN:
            if line.step in needed_by:
                found.append(
                    "I3: %s began when %s, which needs it, had begun"
                    % (line.step, needed_by[line.step])
                )
            for need in rules.needs.get(line.step, ()):
                if not need & ended:
                    found.append(
                        "I4: %s began before %s had ended well"
                        % (line.step, " or ".join(sorted(need)))
                    )
                needed_by.update(dict.fromkeys(need, line.step))
    return found


def over_budget(lines: Sequence[Line], rules: Rules) -> List[str]:
    """I4: what runs at the same time fits into the budget."""
    found = []
    running: Dict[str, Tuple[int, Mapping[str, int]]] = {}
    for line in lines:
        if line.word == QUIET:
            running.clear()
        elif line.word == END:
            if line.step in running and running[line.step][0] == line.pid:
                del running[line.step]
        else:
            running[line.step] = (line.pid, _demand(line.step, rules))
            for name, most in rules.budget.items():
                used = sum(demand.get(name, 0) for _, demand in running.values())
                if used > most:
                    found.append(
                        "I4: %d of %d %s in use by %s"
                        % (used, most, name, ", ".join(sorted(running)))
                    )
    return found


def _demand(step: str, rules: Rules) -> Mapping[str, int]:
    return rules.demands[step.partition(":")[0].partition("[")[0]]


def unaccounted(lines: Sequence[Line], report: Report) -> List[str]:
    """I6: what began is in the report, what the report calls a success ended well."""
    entries = {step["id"]: step for step in report["steps"]}
    begun = {line.step for line in lines if line.word == BEGIN}
    ended_well = {line.step for line in lines if line.word == END and line.status == 0}
    ran = {id for id, step in entries.items() if _succeeded_itself(step)}
    return [
        *(
            "I6: %s ran, and the report does not have it" % id
            for id in sorted(begun - set(entries))
        ),
        *(
            "I6: %s succeeded, says the report; it never did" % id
            for id in sorted(ran - ended_well)
        ),
    ]


def _succeeded_itself(step: Mapping[str, Any]) -> bool:
    return any(attempt["outcome"] == "succeeded" for attempt in step["attempts"])


def disagreeing(exit_code: int, report: Report, shown: Report, run: Mapping[str, Any]) -> List[str]:
    """I6: the exit code, the report, `show` and the entry of `runs` tell the same."""
    found = []
    if report != shown:
        found.append("I6: the report is not what `show` shows")
    for name, told in (("the report", report), ("`runs`", run)):
        if told["exit_code"] != exit_code:
            found.append(
                "I6: exit code %s, says %s; it was %d" % (told["exit_code"], name, exit_code)
            )
    if report["state"] != run["state"]:
        found.append("I6: %s, says the report; %s, says `runs`" % (report["state"], run["state"]))
    if (exit_code == 0) != (report["state"] in ("succeeded", "skipped")):
        found.append("I6: exit code %d of a run that %s" % (exit_code, report["state"]))
    return found


def leftovers(mark: bytes, proc: str = "/proc") -> List[str]:
    """I5: no process has the mark (`ORCHESTRA_RUN_ID=…`) in its environment, but zombies."""
    return ["I5: process %d is left: %s" % each for each in _marked(mark, proc)]


def _marked(mark: bytes, proc: str) -> Iterator[Tuple[int, str]]:
    for name in os.listdir(proc):
        if name.isdigit() and int(name) != os.getpid():
            try:
                with open("%s/%s/environ" % (proc, name), "rb") as file:
                    found = mark in file.read().split(b"\0")
                if found:
                    with open("%s/%s/cmdline" % (proc, name), "rb") as file:
                        words = file.read().replace(b"\0", b" ").decode("utf-8", "replace")
                    yield int(name), words.strip()
            except OSError:  # it has gone meanwhile
                continue
