"""The executors that there are, by name. Loads the code of one only when it is asked for."""

from __future__ import annotations

import importlib
import sys
from importlib import metadata
from typing import Any, Dict, Mapping, NamedTuple, Optional

from orchestra.executors.places import OpenPlace
from orchestra.model.executor_names import GROUP, OWN_EXECUTORS
from orchestra.model.nearest import nearest

_OWN = {"slurm": "orchestra.executors.slurm", "dask": "orchestra.executors.dask"}
_OPEN = "open_place"


class UnknownExecutor(Exception):
    """There is no executor of this name; `hint` is the nearest one, or None."""

    def __init__(self, name: str, hint: Optional[str]) -> None:
        super().__init__(name)
        self.name = name
        self.hint = hint


class BrokenExecutor(Exception):
    """The code of an executor cannot be loaded; `reason` says why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__("%s: %s" % (name, reason))
        self.name = name
        self.reason = reason


class Opening(NamedTuple):
    """Where the code of an executor is: what opens its place has a name in a module."""

    name: str
    module: str
    attribute: str = _OPEN

    def open_place(self) -> OpenPlace:
        """What opens it.

        Raises:
            BrokenExecutor: it cannot be loaded.
        """
        found: Optional[OpenPlace] = getattr(self._load(), self.attribute, None)
        if found is None:
            raise BrokenExecutor(self.name, "%s has no %s" % (self.module, self.attribute))
        return found

    def settings_schema(self) -> Optional[Mapping[str, Any]]:
        """The JSON Schema of its settings, if it has one.

        Raises:
            BrokenExecutor: it cannot be loaded.
        """
        found: Optional[Mapping[str, Any]] = getattr(self._load(), "SETTINGS", None)
        return found

    def _load(self) -> Any:
        try:
            return importlib.import_module(self.module)
        except Exception as fault:  # whatever the import of someone's code may raise
            raise BrokenExecutor(self.name, "%s: %s" % (type(fault).__name__, fault)) from fault


def find_executor(name: str) -> Opening:
    """Where the executor of that name is; orchestra's own go first.

    Raises:
        UnknownExecutor: there is none.
    """
    if name in _OWN:
        return Opening(name, _OWN[name])
    others = _others()
    if name not in others:
        raise UnknownExecutor(name, nearest(name, [*OWN_EXECUTORS, *others]))
    return others[name]


def _others() -> Dict[str, Opening]:
    """What installed packages bring."""
    found: Any = metadata.entry_points()
    points = found.select(group=GROUP) if sys.version_info >= (3, 10) else found.get(GROUP, ())
    openings: Dict[str, Opening] = {}
    for point in points:
        module, _, attribute = point.value.partition(":")
        openings[point.name] = Opening(point.name, module.strip(), attribute.strip() or _OPEN)
    return openings
