"""What is said before anything runs, and what a place writes to the terminal: nothing."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, List

import pytest

from orchestra.executors.places import Fate
from orchestra.model.errand import Errand
from tests.dask.cluster import Cluster
from tests.dask.desk import PLAIN, Desk, place

_TALE = """
import sys
from pathlib import Path
from tests.dask.desk import Desk
with Desk(Path(sys.argv[1]), {"scheduler": sys.argv[2]} if sys.argv[2] else {}) as desk:
    desk.place.check([])
    desk.submit(desk.task("one", "exit 1"), desk.task("two", "echo >up; sleep 300"))
    desk.until(lambda: desk.lines("up"))
    desk.place.stop(["two"], "SIGKILL")
    desk.until_gone("one", "two")
    desk.submit(desk.task("three", "echo >again; sleep 300"))
    desk.until(lambda: desk.lines("again"))
    if len(sys.argv) > 3:
        import os, signal
        os.kill(int(sys.argv[3]), signal.SIGKILL)
        desk.until(lambda: any(type(news).__name__ == "Silent" for news in desk.told))
"""


def test_what_workers_have_is_no_problem(shared_scheduler: Cluster) -> None:
    errands = [PLAIN, Errand("dask", cpu=2000, gpus=1, memory_bytes=10**9, named={"licence": 2})]
    assert _check(shared_scheduler.address, *errands) == []


def test_what_no_worker_can_ever_give_is_told_once(shared_scheduler: Cluster) -> None:
    big, many = Errand("dask", cpu=3000), Errand("dask", gpus=2)
    both = Errand("dask", cpu=2000, gpus=1)
    assert _check(shared_scheduler.address, big, many, big, both) == [
        "Dask at %s: a step asks for cpu 3, and no worker has more than 2"
        % shared_scheduler.address,
        "Dask at %s: a step asks for gpu 2, and no worker has more than 1"
        % shared_scheduler.address,
    ]


def test_a_scheduler_that_is_not_there_is_told_of_with_what_to_do() -> None:
    problems = _check("tcp://127.0.0.1:1", PLAIN)

    assert len(problems) == 1
    assert problems[0] == (
        "no Dask scheduler answers at tcp://127.0.0.1:1 (Connection refused);"
        " start one by `dask scheduler`, or name another one"
    )


def test_a_scheduler_without_workers_is_told_of_with_what_to_do(tmp_path: Path) -> None:
    bare = Cluster(tmp_path)
    try:
        bare.start_scheduler()
        problems = _check(bare.address, PLAIN)
    finally:
        bare.end()

    assert problems == [
        "the Dask scheduler at %s has no workers; start some by `dask worker %s`"
        % (bare.address, bare.address)
    ]


def test_a_step_may_name_a_scheduler_of_its_own(shared_scheduler: Cluster, tmp_path: Path) -> None:
    own = Errand("dask", {"scheduler": shared_scheduler.address})
    with Desk(tmp_path / "errands", {"scheduler": "tcp://127.0.0.1:1"}) as desk:
        assert desk.place.check([own]) == []
        desk.submit(desk.task("step", "exit 0", own))
        assert desk.until_gone("step")["step"].fate is Fate.ENDED


def test_without_a_scheduler_steps_run_on_this_machine_with_all_its_cores(tmp_path: Path) -> None:
    with Desk(tmp_path / "errands") as desk:
        cores = len(os.sched_getaffinity(0))
        all_of_it = Errand("dask", cpu=cores * 1000)
        assert desk.place.check([PLAIN, all_of_it]) == []
        assert desk.place.check([Errand("dask", cpu=cores * 1000 + 500)]) == [
            "Dask at this run's own Dask cluster: a step asks for cpu %s, and no worker has more"
            " than %s" % (cores + 0.5, cores)
        ]
        desk.submit(desk.task("step", "exit 0", all_of_it))
        assert desk.until_gone("step")["step"].fate is Fate.ENDED


def test_a_cluster_of_the_run_s_own_listens_on_no_port(tmp_path: Path) -> None:
    psutil = importlib.import_module("psutil")  # Dask needs it
    with Desk(tmp_path / "errands") as desk:
        desk.place.check([PLAIN])
        sockets = psutil.Process().net_connections("inet")
    assert [one for one in sockets if one.status == psutil.CONN_LISTEN] == []


def test_a_cluster_of_the_run_s_own_writes_nothing(tmp_path: Path) -> None:
    assert _said(tmp_path, "") == b""


def test_nothing_is_written_when_a_scheduler_dies(cluster: Cluster, tmp_path: Path) -> None:
    assert _said(tmp_path, cluster.address, str(cluster.scheduler.pid)) == b""


def _check(address: str, *errands: Errand) -> List[str]:
    # whoever comes in time does, however slow the machine; who never does is not waited for long
    asked = place(address, clock=itertools.count(0.0, 100.0).__next__, patience_s=60.0)
    try:
        return asked.check(errands)
    finally:
        asked.close()


def _said(folder: Path, *words: str) -> bytes:
    told = subprocess.run(
        [sys.executable, "-W", "default", "-c", _TALE, str(folder / "errands"), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return told.stdout if told.returncode == 0 else b"exit %d: " % told.returncode + told.stdout


def test_what_listens_and_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        link = dask_link().Link("tcp://127.0.0.1:%d" % mute.getsockname()[1])
        with pytest.raises(dask_link().LinkDown, match="what listens there does not answer"):
            link.connect(0.5)
        link.close()


def test_what_hangs_up_is_told_of_in_words_for_people() -> None:
    with socket.create_server(("127.0.0.1", 0)) as curt:
        link = dask_link().Link("tcp://127.0.0.1:%d" % curt.getsockname()[1])
        threading.Thread(target=hang_up, args=(curt,), daemon=True).start()
        with pytest.raises(dask_link().LinkDown) as caught:
            link.connect(2.0)
        link.close()
        curt.shutdown(socket.SHUT_RDWR)

    assert "<" not in str(caught.value)


def hang_up(server: socket.socket) -> None:
    """On whoever comes, until the server is shut down."""
    with contextlib.suppress(OSError):
        while True:
            server.accept()[0].close()


def dask_link() -> Any:
    """The module, which loads Dask."""
    return importlib.import_module("orchestra.executors.dask_link")
