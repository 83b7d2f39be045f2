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
    """A scheduler and two workers, all of this test's own: it may kill them."""
    with Cluster(tmp_path) as own:
        yield own


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory, _engine: None) -> Iterator[Cluster]:
    """A scheduler and two workers that no test may harm."""
    with Cluster(tmp_path_factory.mktemp("cluster")) as own:
        yield own


@pytest.fixture
def desk(cluster: Cluster, tmp_path: Path) -> Iterator[Desk]:
    """A place at a cluster of the test's own; no task is left."""
    with Desk(tmp_path / "errands", {"scheduler": cluster.address}) as own:
        yield own
