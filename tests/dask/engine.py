"""One cluster of Dask for all tests of a session that do not damage it."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import Iterator

import pytest

from tests.dask.cluster import Cluster


def need_dask() -> None:
    """Skip a test where Dask is not installed, or fail it where it has to be.

    It cannot be where Python is older than 3.10.
    """
    if sys.version_info < (3, 10):
        pytest.skip("Dask needs Python 3.10 or newer")
    if find_spec("distributed") is not None:
        return
    reason = "not installed: distributed"
    if os.environ.get("ORCHESTRA_REQUIRE_ENGINES"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared_scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A scheduler and two workers for all; a test leaves no task there, and harms none of them."""
    need_dask()
    with Cluster(tmp_path_factory.mktemp("dask")) as cluster:
        yield cluster
