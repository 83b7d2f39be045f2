"""What an engine elsewhere must know of an attempt besides how its process starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping, NamedTuple, Optional

if TYPE_CHECKING:
    from orchestra.model.expression import Value

LOCAL = "local"
"""The executor that runs steps on this machine."""

ELSEWHERE = b"ORCHESTRA_ELSEWHERE"
"""The variable that marks a process as that of an attempt of an engine, by the id of its run."""


IN_FLIGHT_PREFIX = "executor:"
"""How the names of the resources begin of which each step takes one that another machine runs."""

OF_MACHINE = frozenset(["cpu", "memory", "gpu"])
"""What steps take of this machine, and those that another one runs ask their executor for."""


def in_flight_name(executor: str) -> str:
    """The resource that counts the steps which an executor has under way."""
    return IN_FLIGHT_PREFIX + executor


class Errand(NamedTuple):
    """An attempt that another machine is to run: by which executor, and what it asks for there.

    `settings` are the file's settings for that executor, evaluated; `cpu` is in thousandths of a
    core; `named` are the amounts of the named resources that it holds of the budget; `limit_s` is
    how long it may run, its grace period included, None for as long as it likes.
    """

    executor: str
    settings: Mapping[str, Value] = {}
    cpu: int = 1000
    memory_bytes: Optional[int] = None
    gpus: int = 0
    named: Mapping[str, int] = {}
    limit_s: Optional[float] = None
