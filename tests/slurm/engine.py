"""One cluster for all tests of a session that do not damage it, and places on clusters."""

from __future__ import annotations

import os
from typing import Iterator, Mapping

import pytest

from orchestra.executors.slurm import SlurmPlace
from orchestra.executors.slurm_client import SlurmClient
from orchestra.model.expression import Value
from tests.slurm.cluster import Cluster, missing_programs
from tests.slurm.conf import Shape


def need_slurm() -> None:
    """Skip a test where Slurm is not installed, or fail it where it has to be."""
    missing = missing_programs()
    if not missing:
        return
    reason = "not installed: %s" % ", ".join(missing)
    if os.environ.get("ORCHESTRA_REQUIRE_ENGINES"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared_cluster() -> Iterator[Cluster]:
    """A cluster of two nodes for all; a test leaves no job there."""
    need_slurm()
    with Cluster(Shape(gpus=2)) as cluster:
        yield cluster


def place_on(
    cluster: Cluster, environ: Mapping[str, str] = {}, settings: Mapping[str, Value] = {}
) -> SlurmPlace:
    """A place on a cluster, as from a process with this environment besides."""
    return SlurmPlace(settings, SlurmClient({**os.environ, **cluster.environ, **environ}))
