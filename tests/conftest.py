"""What holds for all tests: signals mean what they mean in a terminal, and no test is timed."""

from __future__ import annotations

import signal

from hypothesis import settings

from tests.dask.engine import shared_dask
from tests.slurm.engine import shared_cluster

__all__ = ["shared_cluster", "shared_dask"]

settings.register_profile("untimed", deadline=None)


def pytest_configure() -> None:
    """A shell that starts pytest in the background lets it ignore ctrl-C, and all its children."""
    settings.load_profile("untimed")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
