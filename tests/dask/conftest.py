from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Iterator

import pytest

from tests.dask.cluster import Cluster
from tests.dask.desk import Desk


@pytest.fixture(scope="session", autouse=True)
def _engine() -> None:
    """Dask where it can be; CI says by ORCHESTRA_REQUIRE_ENGINES that it must be."""
    if find_spec("distributed") is None:
        required = os.environ.get("ORCHESTRA_REQUIRE_ENGINES") == "1"
        refuse = pytest.fail if required and sys.version_info >= (3, 10) else pytest.skip
        refuse("Dask is not installed, or Python is older than 3.10")


@pytest.fixture
def cluster(tmp_path: Path, _engine: None) -> Iterator[Cluster]:
    """A scheduler and two workers, all of this test's own."""
    own = Cluster(tmp_path)
    try:
        own.start_scheduler()
        own.start_worker("w1", "cpu=2 gpu=1")
        own.start_worker("w2", "cpu=2")
        own.wait()
        yield own
    finally:
        own.end()


@pytest.fixture
def desk(cluster: Cluster, tmp_path: Path) -> Iterator[Desk]:
    """A place at that cluster, which is closed in the end; no task is left."""
    own = Desk(tmp_path / "errands", {"scheduler": cluster.address})
    try:
        yield own
    finally:
        own.end()
