"""What holds for all tests: signals mean what they mean in a terminal, and no test is timed.

Examples are drawn anew each time, but in CI: there a change is judged by the same ones as the
change before it, with every version of hypothesis.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import List

import pytest
from hypothesis import settings

from tests.dask.engine import shared_scheduler
from tests.effort import examples
from tests.slurm.engine import shared_cluster

__all__ = ["shared_cluster", "shared_scheduler"]

_OF_ENGINES = {"dask", "slurm"}

if "CI" in os.environ:
    settings.register_profile(
        "untimed",
        max_examples=examples(100),
        deadline=None,
        derandomize=True,
        database=None,
        print_blob=True,
    )
else:
    settings.register_profile("untimed", max_examples=examples(100), deadline=None)


def pytest_configure() -> None:
    """A shell that starts pytest in the background lets it ignore ctrl-C, and all its children.

    So does nohup with a hangup.

    A SIGTERM ends it as ctrl-C does: clusters that were started for tests end with it.
    """
    settings.load_profile("untimed")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(tryfirst=True)  # before it is looked which marks are wanted
def pytest_collection_modifyitems(items: List[pytest.Item]) -> None:
    """What needs a cluster is marked by where it is; of what is elsewhere its params are."""
    for item in items:
        if Path(str(item.fspath)).parent.name in _OF_ENGINES:
            item.add_marker("engines")
