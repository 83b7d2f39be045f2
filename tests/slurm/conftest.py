"""Drivers of places on clusters, after which nothing of a test is left there."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Iterator, List

import pytest

from orchestra.executors.places import Place
from orchestra.model.errand import Errand
from tests.contracts.place_driver import PlaceDriver
from tests.slurm.cluster import Cluster
from tests.slurm.conf import Shape
from tests.slurm.engine import need_slurm, place_on

Drive = Callable[[Place], PlaceDriver]


@pytest.fixture
def own_cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A cluster that the test may damage; its shape is the parameter, if there is one."""
    need_slurm()
    with Cluster(getattr(request, "param", Shape())) as cluster:
        yield cluster


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[Drive]:
    """Makes drivers; what they have handed over is cancelled in the end."""
    made: List[PlaceDriver] = []

    def make(place: Place) -> PlaceDriver:
        made.append(PlaceDriver(place, tmp_path, Errand("slurm")))
        return made[-1]

    yield make
    for driver in made:
        driver.place.stop(sorted({getattr(each, "name", "") for each in driver.told}), "SIGKILL")
        driver.place.close()


@pytest.fixture
def driver(shared_cluster: Cluster, drive: Drive) -> PlaceDriver:
    """On the cluster that all share."""
    return drive(place_on(shared_cluster))
