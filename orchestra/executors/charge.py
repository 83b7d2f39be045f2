"""What the helper of an engine knows of one attempt."""

from __future__ import annotations

from functools import partial
from typing import Callable, Optional

from orchestra.executors.errands import EndRecord, forestall, read_claim
from orchestra.executors.follower import Follower
from orchestra.executors.frames import Message, bytes_of
from orchestra.executors.places import Fate, Gone, Task
from orchestra.model.errand import Errand
from orchestra.model.masking import MaskStream
from orchestra.model.run import Invocation


def invocation_of(order: Message, errand: Errand) -> Invocation:
    """What is to be started for an attempt, as its order says."""
    env = {bytes_of(name): bytes_of(value) for name, value in order["env"].items()}
    words = tuple(map(bytes_of, order["argv"]))
    fallback = order["fallback"] and tuple(map(bytes_of, order["fallback"]))
    return Invocation(words, env, order["working_dir"], "", fallback=fallback, errand=errand)


class Charge:
    """An attempt, from the order for it to its end.

    `stopped` is the last signal that was wanted, `owed` that it could not be sent yet; `node` is
    set once that it runs was told, `told` once that it is queued was; since `since_s` (seconds in
    which the engine answered) its record or the engine's word is waited for; `ended_at` is set
    where it ended while nobody looked.
    """

    __slots__ = (
        "ended_at",
        "folder",
        "follower",
        "gone",
        "job",
        "name",
        "node",
        "owed",
        "reason",
        "record",
        "since_s",
        "stopped",
        "task",
        "told",
    )

    def __init__(self, order: Message, mask: Optional[MaskStream], goes_on: bool) -> None:
        self.name: str = order["name"]
        self.folder: str = order["folder"]
        self.task = Task(self.name, self.folder, order["shown"], Errand(**order["errand"]))
        self.follower = Follower(self.folder + "/output", order["log_path"], mask, goes_on)
        self.job: str = order.get("job", "")
        self.reason = ""
        self.node = ""
        self.told = False
        self.stopped = ""
        self.owed = False
        self.gone: Optional[Gone] = None
        self.record: Optional[EndRecord] = None
        self.since_s = 0.0
        self.ended_at: Optional[float] = None

    def show(self, on_block: Callable[[str, bytes], None]) -> Callable[[bytes], None]:
        """Who is handed its output, by its name."""
        return partial(on_block, self.name)

    def is_called_off(self, gone: Gone) -> bool:
        """Whether the stop that was wanted ended it: it was killed, or never began nor ever will.

        Its place may have seen to that itself.
        """
        if self.stopped == "SIGKILL" or forestall(self.folder):
            return True
        return gone.fate is Fate.CANCELLED and read_claim(self.folder) is None
