"""Whether Dask can be used here, and one cluster for all tests that do it no harm."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import Iterator

import pytest

from tests.dask.cluster import Cluster


def need_dask() -> None:
    """Skip a test where Dask is not installed, or fail it where it has to be."""
    if find_spec("distributed") is None:
        required = os.environ.get("ORCHESTRA_REQUIRE_ENGINES") == "1"
        refuse = pytest.fail if required and sys.version_info >= (3, 10) else pytest.skip
        refuse("Dask is not installed, or Python is older than 3.10")


@pytest.fixture(scope="session")
def shared_dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A scheduler and two workers that no test may harm."""
    need_dask()
    with Cluster(tmp_path_factory.mktemp("dask")) as cluster:
        yield cluster
