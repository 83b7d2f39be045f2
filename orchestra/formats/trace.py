"""What a trace tells of a workflow that was run elsewhere. Pure values."""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

from orchestra.errors import PathParts


class Task(NamedTuple):
    """One task of a trace; `needs` are places in `Trace.tasks`, each once.

    `id` is what other tasks call it by, any text, as is `name`; `cores` and `memory_bytes` are None
    where the trace does not tell; `path` leads to where the file tells what its run came to.
    """

    id: str
    name: str
    needs: Tuple[int, ...]
    runtime_s: float
    cores: Optional[float] = None
    memory_bytes: Optional[int] = None
    path: PathParts = ()


class Trace(NamedTuple):
    """A workflow that was run elsewhere, its graph free of cycles.

    `format` names the format and its version; `makespan_s` is how long the run took; `cores` and
    `memory_bytes` are what all its machines had together, None where the trace does not tell.
    """

    name: str
    format: str
    tasks: Tuple[Task, ...]
    makespan_s: Optional[float] = None
    cores: Optional[float] = None
    memory_bytes: Optional[int] = None
