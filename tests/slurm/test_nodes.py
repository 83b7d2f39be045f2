"""Nodes that die, and nodes that do not see the folder of a run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestra.executors.places import Fate
from orchestra.model.errand import Errand
from tests.slurm.cluster import Cluster
from tests.slurm.conf import Shape
from tests.slurm.conftest import Drive
from tests.slurm.engine import place_on

ANSWERS = "touch $folder/began; until [ -e $folder/go ]; do sleep 0.05; done"
WHOLE_NODE = Errand("slurm", cpu=4000)
MORTAL = Shape(node_timeout_s=10, message_timeout_s=3)


@pytest.mark.parametrize("own_cluster", [MORTAL], indirect=True)
def test_the_job_of_a_node_that_dies_is_told_as_that_and_no_other_is(
    own_cluster: Cluster, drive: Drive
) -> None:
    driver = drive(place_on(own_cluster))
    tasks = [driver.task("t%d" % number, ANSWERS, WHOLE_NODE) for number in range(2)]
    driver.submit(*tasks)
    driver.start(*tasks)
    [doomed] = [task for task in tasks if driver.running(task)[0].node == "n1"]
    [spared] = [task for task in tasks if task is not doomed]

    own_cluster.kill_node("n1")
    [gone] = driver.end(doomed)

    assert (gone.fate, gone.reason) == (Fate.NODE_FAILED, "node n1 failed")
    assert driver.gone(spared) == []
    (Path(spared.folder) / "go").touch()
    assert [each.fate for each in driver.end(spared)] == [Fate.ENDED]
    own_cluster.up_node("n1")
    again = [driver.task("again%d" % number, "exit 0", WHOLE_NODE) for number in range(2)]
    driver.submit(*again)
    assert [each.fate for each in driver.end(*again)] == [Fate.ENDED] * 2


@pytest.mark.parametrize("own_cluster", [Shape(nodes=1)], indirect=True)
def test_a_node_that_does_not_see_the_folder_starts_nothing_and_why_is_said(
    own_cluster: Cluster, drive: Drive, tmp_path: Path
) -> None:
    driver = drive(place_on(own_cluster))
    task = driver.task("unseen", "touch $folder/ran")
    own_cluster.kill_node("n1")
    unshare = shutil.which("unshare")
    hide = 'mount -t tmpfs none "$0" && exec "$@"'
    own_cluster.up_node("n1", prefix=[str(unshare), "-m", "sh", "-c", hide, str(tmp_path)])

    driver.submit(task)
    [gone] = driver.end(task)

    assert gone.fate is Fate.NOT_LAUNCHED
    assert gone.reason.startswith("not started on node n1: ")
    assert gone.reason.endswith("is the folder of the run one that every node sees?")
    assert not (Path(task.folder) / "ran").exists()
