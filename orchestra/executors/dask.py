"""Steps as tasks of Dask: what an entry point of `orchestra.executors` names. Only opens.

Nothing of Dask is loaded before a place is opened, and that is done in a helper process.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import Mapping, Tuple

from orchestra.executors.places import Place, PlaceFault
from orchestra.model.expression import Value

_OLDEST = (3, 10)


def open_place(settings: Mapping[str, Value], run_id: str) -> Place:
    """A place for the tasks of a run; asks no scheduler yet.

    Raises:
        PlaceFault: Dask is not installed, or this Python is too old for it.
    """
    refusal = unusable(sys.version_info[:2], find_spec("distributed") is not None)
    if refusal:
        raise PlaceFault(refusal)
    from orchestra.executors.dask_place import DaskPlace  # loads Dask: here, and only when used

    return DaskPlace(settings, os.environ)


def unusable(version: Tuple[int, int], is_installed: bool) -> str:
    """Why Dask cannot be used under this version of Python; empty if it can."""
    if version < _OLDEST:
        return "Dask needs Python 3.10 or newer; this is Python %d.%d" % version
    return "" if is_installed else "Dask is not installed: pip install 'orchestra[dask]'"
