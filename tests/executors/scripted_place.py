"""A place that says of each task what its settings tell it to, one answer for each question."""

from __future__ import annotations

import time
from typing import Any, List, Mapping, Sequence

from orchestra.executors.places import Fate, Gone, News, Queued, Running, Silent, Task
from orchestra.model.errand import Errand


class ScriptedPlace:
    """`submit`, `find` and `poll` are lists of answers, the last of which is given again.

    An answer is a list of news, each a word and what there is to it.
    """

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self._answers = {word: list(answers.get(word, [[]])) for word in ("submit", "find", "poll")}
        self._tasks: List[Task] = []

    def check(self, errands: Sequence[Errand]) -> List[str]:
        """Nothing is wrong."""
        return []

    def submit(self, tasks: Sequence[Task]) -> List[News]:
        """As scripted."""
        self._tasks = list(tasks)
        return self._say("submit")

    def find(self, tasks: Sequence[Task]) -> List[News]:
        """As scripted."""
        self._tasks = list(tasks)
        return self._say("find")

    def poll(self) -> List[News]:
        """As scripted."""
        return self._say("poll")

    def stop(self, names: Sequence[str], signal: str) -> None:
        """It stops nothing."""

    def period_s(self) -> float:
        """No longer than a test wants to wait."""
        return 0.02

    def close(self) -> None:
        """It has nothing."""

    def _say(self, word: str) -> List[News]:
        answers = self._answers[word]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return [self._news(each, task) for each in answer for task in self._tasks]

    def _news(self, words: List[Any], task: Task) -> News:
        if words[0] == "silent":
            return Silent(words[1])
        if words[0] == "queued":
            return Queued(task.name, *words[1:])
        if words[0] == "running":
            return Running(task.name, *words[1:])
        if words[0] == "record":  # the task ends by itself
            _record(task, words[1])
            return Queued(task.name, "7") if "unseen" in words else Running(task.name, "7", "n7")
        return Gone(task.name, Fate(words[1]), *words[2:])


def _record(task: Task, how: str) -> None:
    now = time.time()
    with open(task.folder + "/end", "w") as file:
        file.write("%s\n%f\n%f\nn7\n0m0s 0m0s\n0m1.5s 0m0.5s\n" % (how, now - 2, now))


def open_place(settings: Mapping[str, Any], run_id: str) -> ScriptedPlace:
    """The place that says so."""
    return ScriptedPlace(settings)
