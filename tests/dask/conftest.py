from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest

from tests.dask.cluster import Cluster
from tests.dask.desk import Desk
from tests.dask.engine import need_dask


@pytest.fixture(autouse=True)
def _engine() -> None:
    need_dask()


@pytest.fixture
def cluster(tmp_path: Path, _engine: None) -> Iterator[Cluster]:
    """A scheduler and two workers, all of this test's own: it may kill them."""
    with Cluster(tmp_path) as own:
        yield own


@pytest.fixture
def desk(cluster: Cluster, tmp_path: Path) -> Iterator[Desk]:
    """A place at a cluster of the test's own; no task is left."""
    with Desk(tmp_path / "errands", {"scheduler": cluster.address}) as own:
        yield own
