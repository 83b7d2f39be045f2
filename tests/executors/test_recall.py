"""What is left at an engine of a run whose orchestrator died, and what is not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, List

import pytest

from orchestra.executors.errands import errands_of, make_errand, task_name
from orchestra.executors.known import Opening
from orchestra.executors.places import PlaceFault
from orchestra.executors.recall import Abandoned, Left, recall
from orchestra.model.run import AttemptKey, Invocation

A, B = AttemptKey("a", 1), AttemptKey("b", 1)
END = "exit 0\n1.0\n2.0\nn1\n0m0.00s 0m0.00s\n0m0.00s 0m0.00s\n"


def handed_over(folder: Path, key: AttemptKey, *marks: str) -> Path:
    """The folder of an attempt that was `claim`ed, or has come to its `end`."""
    path = errands_of(str(folder)) + "/" + task_name("run", key)
    make_errand(path, Invocation((b"true",), {}, "/", str(folder / "log")), 0o022)
    if "claim" in marks:
        os.mkdir(path + "/claim")
    if "end" in marks:
        Path(path, "end").write_text(END)
    return Path(path)


def recalled(folder: Path, *attempts: Abandoned, **answers: Any) -> Left:
    """What is left, where the engine gives these answers."""
    opening = Opening("scripted", "tests.executors.scripted_place")
    return recall(opening, answers, "run", str(folder), attempts, limit_s=0.2)


SILENT: List[Any] = [[["silent", "its controller is not reached"]]]


def test_of_an_engine_that_does_not_answer_the_jobs_are_named_that_have_begun(
    tmp_path: Path,
) -> None:
    begun, waiting = handed_over(tmp_path, A, "claim"), handed_over(tmp_path, B)

    left = recalled(tmp_path, Abandoned(A, "17"), Abandoned(B, "18"), find=SILENT, poll=SILENT)

    assert left == Left(["17"], "its controller is not reached")
    assert (begun.exists(), waiting.exists()) == (True, False)


def test_what_the_engine_says_is_gone_leaves_nothing(tmp_path: Path) -> None:
    begun = handed_over(tmp_path, A, "claim")

    left = recalled(
        tmp_path, Abandoned(A, ""), find=[[["running", "17", "n1"]]], poll=[[["gone", "cancelled"]]]
    )

    assert (left, begun.exists()) == (Left(), False)


def test_what_does_not_die_is_named(tmp_path: Path) -> None:
    handed_over(tmp_path, A, "claim")

    left = recalled(tmp_path, Abandoned(A, ""), find=[[["running", "17", "n1"]]])

    assert left == Left([task_name("run", A)], "")


def test_what_has_ended_by_itself_is_kept_for_who_goes_on(tmp_path: Path) -> None:
    ended = handed_over(tmp_path, A, "claim", "end")

    left = recalled(tmp_path, Abandoned(A, "17"), Abandoned(B, ""), find=SILENT, poll=SILENT)

    assert (left, ended.exists()) == (Left(), True)


def test_an_engine_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    handed_over(tmp_path, A, "claim")
    opening = Opening("broken", "tests.executors.process_place")

    with pytest.raises(PlaceFault, match="slots"):
        recall(opening, {"slots": 0}, "run", str(tmp_path), [Abandoned(A, "17")])
