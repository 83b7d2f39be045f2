"""The attempts that were handed to an engine, and what its helper's news of them mean. Pure."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple, Sequence

from orchestra.engine.ports import (
    Ended,
    ExecutorStimulus,
    Launched,
    Lost,
    Queued,
    Reattached,
    Unreached,
)
from orchestra.executors.frames import Message
from orchestra.model.run import AttemptKey, Outcome


class _Entry(NamedTuple):
    """What has to be known to find an attempt again, and what the engine of the run was told."""

    key: AttemptKey
    order: Message
    launched: bool = False


class Handed:
    """Those that have not ended, by the names of their tasks.

    `stimuli` are what there is to tell of them, `over` the names of those that have ended since it
    was emptied, `steps` counts what has happened for the first time.
    """

    def __init__(self) -> None:
        self.stimuli: List[ExecutorStimulus] = []
        self.over: List[str] = []
        self.steps = 0
        self._entries: Dict[str, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def add(self, key: AttemptKey, order: Message) -> None:
        """Follow an attempt, which can be found again by the order."""
        self._entries[order["name"]] = _Entry(key, order)

    def orders(self) -> List[Message]:
        """By which all can be found again."""
        return [entry.order for entry in self._entries.values()]

    def jobs(self, is_meant: Callable[[str], bool] = bool) -> List[str]:
        """What the engine calls those whose folder is meant, as far as that is known."""
        orders = [order for order in self.orders() if is_meant(order["folder"])]
        return sorted(order.get("job") or order["name"] for order in orders)

    def unreached(self, executor: str) -> List[Unreached]:
        """All of them, of which nothing can be told."""
        return [Unreached(entry.key, executor) for entry in self._entries.values()]

    def key_of(self, name: str) -> AttemptKey:
        """Whose task it is."""
        return self._entries[name].key

    def lose(self, reason: str) -> None:
        """Nobody can tell any more how one of them ends."""
        self.stimuli += [Lost(entry.key, 0, reason) for entry in self._entries.values()]
        self._entries.clear()

    def drop(self) -> None:
        """Follow none of them, and tell nothing more."""
        self._entries.clear()
        self.stimuli.clear()

    def hear(self, name: str, word: str, rest: Sequence[Any]) -> None:
        """Take in what a helper tells of one that is followed."""
        entry = self._entries[name]
        if word == "queued":
            self.steps += not entry.order.get("job")
            entry.order["job"] = rest[0]
            self.stimuli.append(Queued(entry.key, rest[0], rest[1]))
        elif word == "running":
            if not entry.launched:
                self._launch(name, Launched(entry.key, 0, 0.0, *rest))
        elif word == "reattached":
            elapsed_s, node = rest
            if not entry.launched:
                self._launch(name, Launched(entry.key, 0, 0.0, node))
                self.stimuli.append(Reattached(entry.key, elapsed_s))
        elif word == "lost":
            self._end(name, Lost(entry.key, rest[1], rest[0]))
        else:
            fields = rest[0]
            outcome = fields.pop("outcome", None)
            self._end(name, Ended(entry.key, outcome=outcome and Outcome(outcome), **fields))

    def _launch(self, name: str, launched: Launched) -> None:
        self.steps += 1
        self._entries[name] = self._entries[name]._replace(launched=True)
        self.stimuli.append(launched)

    def _end(self, name: str, stimulus: ExecutorStimulus) -> None:
        self.steps += 1
        del self._entries[name]
        self.stimuli.append(stimulus)
        self.over.append(name)
