"""The executors that there are, by name. Looks at the installed packages only where it is asked."""

from __future__ import annotations

from typing import Tuple

from orchestra.model.errand import LOCAL

OWN_EXECUTORS = (LOCAL, "slurm", "dask")
"""Those that come with orchestra."""

GROUP = "orchestra.executors"
"""The group of entry points by which other packages add executors: `name = module:open_place`."""


def is_executor(name: str) -> bool:
    """Whether there is an executor of that name."""
    return name in OWN_EXECUTORS or name in known_executors()


def known_executors() -> Tuple[str, ...]:
    """The names of all executors: orchestra's own, then those of other packages.

    Looks at every package that is installed, which takes longer than to read most workflows.
    """
    from importlib import metadata

    entry_points = (point for found in metadata.distributions() for point in found.entry_points)
    others = {point.name for point in entry_points if point.group == GROUP}
    return (*OWN_EXECUTORS, *sorted(others.difference(OWN_EXECUTORS)))
