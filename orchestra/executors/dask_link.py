"""The line to one scheduler of Dask: every question is bounded, every failure is a `LinkDown`.

Workers need nothing of orchestra: what they run is a function of Python's standard library.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import platform
import queue
import socket
import subprocess
import threading
import warnings
from concurrent.futures import CancelledError
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import dask
import distributed
from distributed.comm import CommClosedError
from distributed.comm.addressing import get_address_host_port, parse_address

from orchestra.executors.dask_demand import Worker

_ANSWER_S = 10.0
_LEAVE_S = 2.0
_GREETING_S = 1.0
_LOOPBACK = "127.0.0.1:0"
_NO_PAGES: Dict[str, List[str]] = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}
_TALKERS = ("asyncio", "bokeh", "distributed", "tornado")
_BREAK_S = 0.1
_THREADS_PER_CORE = 32  # they only wait for processes; what counts is the resource `cpu`
_START = """
if [ -r "$1/start" ]; then exec sh "$1/start" 2>>"$1/dask"; fi
echo "$1/start: cannot be read on $(uname -n)" >&2
exit 127
"""
"""A script that starts a task; what it says itself is why a worker cannot.

What the task says goes to a file: whatever a step leaves behind would hold a pipe open.
"""
_STREAMS = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
_FAULTS = (
    OSError,
    asyncio.TimeoutError,
    asyncio.CancelledError,
    CancelledError,
    RuntimeError,
    ValueError,
    AttributeError,  # of a comm that is None
    MemoryError,  # what is no scheduler may tell of a message without end
)
"""What distributed raises where a scheduler goes while it is asked."""


class LinkDown(Exception):
    """The scheduler does not answer; says why."""


class Result(NamedTuple):
    """What came of starting a task: the exit code of its start, or why there is none.

    `text` is the last line that the start wrote, or of what Dask says; `workers_died` where it
    gave up because of that.
    """

    code: Optional[int]
    text: str
    workers_died: bool = False


class Job(NamedTuple):
    """A task as a scheduler takes it: its key, its folder, the resources of a worker it takes."""

    key: str
    folder: str
    resources: Mapping[str, float]


def hush() -> None:
    """Keep Dask from writing to the terminal that this process shares with the user's."""
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in _TALKERS:  # some below have handlers of their own
            logger = logging.getLogger(name)
            logger.handlers = [logging.NullHandler()]
            logger.propagate = False
            logger.setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"(dask|distributed|tornado)\b")


class Link:
    """A scheduler at `address`, or one of its own in this process where that is None.

    It listens on no port then: whoever reaches a scheduler runs programs as its user.
    """

    def __init__(self, address: Optional[str]) -> None:
        self.address = address
        self._cluster: Optional[distributed.LocalCluster] = None
        self._client: Optional[distributed.Client] = None
        self._comm: object = None
        self._futures: Dict[str, distributed.Future] = {}
        self._names: Dict[str, str] = {}

    @property
    def called(self) -> str:
        """How to call it to a person."""
        return self.address or "this run's own Dask cluster"

    @property
    def is_up(self) -> bool:
        """Whether it was there when it was last heard of, without a break since."""
        client = self._client
        return (
            client is not None
            and client.status == "running"
            and client.scheduler_comm is self._comm
        )

    def connect(self, within_s: float) -> bool:
        """Reach the scheduler, if that is not so yet; True if that was to be done.

        Raises:
            LinkDown: it does not answer.
        """
        if self.is_up:
            return False
        self.drop()
        if self.address is None and self._cluster is None:
            self._cluster = _own_cluster()
        try:
            if self.address is not None:
                _knock(self.address, within_s)
            self._client = _client_of(self._cluster or self.address, within_s)
        except _FAULTS as error:
            self.drop()
            raise LinkDown(
                "no Dask scheduler answers at %s (%s)" % (self.called, _why(error))
            ) from error
        self._comm = self._client.scheduler_comm
        return True

    def workers(self) -> List[Worker]:
        """All workers that the scheduler has now.

        Raises:
            LinkDown: it does not answer.
        """
        identity = self._ask(lambda client: client.scheduler.identity())
        return [
            Worker(address, dict(told["resources"]))
            for address, told in identity["workers"].items()
        ]

    def states(self, keys: Sequence[str]) -> Dict[str, Optional[str]]:
        """The scheduler's word for each task, None for those that it does not know.

        Raises:
            LinkDown: it does not answer.
        """
        told = self._ask(lambda client: client.scheduler.get_task_status(keys=list(keys)))
        return {key: told.get(key) for key in keys}

    def submit(self, jobs: Sequence[Job]) -> None:
        """Hand tasks over, alike ones in one message; none is known to have come until asked for.

        Raises:
            LinkDown: the scheduler has gone.
        """
        alike: Dict[Tuple[Tuple[str, float], ...], List[Job]] = {}
        for job in jobs:
            alike.setdefault(tuple(sorted(job.resources.items())), []).append(job)
        client = self._live()
        for resources, group in alike.items():
            try:
                futures = client.map(
                    subprocess.run,
                    [["sh", "-c", _START, "sh", job.folder] for job in group],
                    key=[job.key for job in group],
                    resources=dict(resources) or None,
                    pure=False,
                    retries=0,
                    start_new_session=True,
                    **_STREAMS,
                )
            except _FAULTS as error:
                raise LinkDown(_why(error)) from error
            self._futures.update((future.key, future) for future in futures)

    def keep(self, keys: Sequence[str]) -> None:
        """Have the scheduler go on with tasks that it knows when this process is gone.

        Raises:
            LinkDown: the scheduler has gone.
        """
        try:
            distributed.fire_and_forget([self._future(key) for key in keys])
        except _FAULTS as error:
            raise LinkDown(_why(error)) from error

    def results(self, keys: Sequence[str]) -> Dict[str, Result]:
        """What came of tasks that are over; those that cannot be had now are missing.

        Raises:
            LinkDown: the scheduler does not answer.
        """
        futures = [self._future(key) for key in keys]
        found = {future.key: self._fault(future) for future in futures if future.status == "error"}
        finished = [future for future in futures if future.status == "finished"]
        told = self._ask(lambda client: client.gather(finished, "skip", asynchronous=True))
        if len(told) == len(finished):  # or else a worker went with its results
            done = [_result(completed) for completed in told]
            found.update(zip([future.key for future in finished], done))
        return found

    def is_cancelled(self, key: str) -> bool:
        """Whether somebody has cancelled the task while this line stood."""
        future = self._futures.get(key)
        return self.is_up and future is not None and future.cancelled()

    def forget(self, keys: Sequence[str]) -> None:
        """Have the scheduler give up tasks that wait, and the results of those that are over.

        What runs already goes on: a worker cannot stop it.
        """
        popped = [self._futures.pop(key, None) for key in keys]
        futures = [future for future in popped if future is not None]
        with contextlib.suppress(*_FAULTS, LinkDown):
            if futures:
                self._ask(lambda client: client.cancel(futures, force=True, asynchronous=True))

    def drop(self) -> None:
        """Give the connection up; tasks go on."""
        client, self._client = self._client, None
        self._futures = {}
        self._names = {}
        if client is not None:
            with contextlib.suppress(*_FAULTS):
                client.close(timeout=_LEAVE_S)

    def close(self) -> None:
        """Give the connection up, and end the cluster if it is this process' own."""
        self.drop()
        cluster, self._cluster = self._cluster, None
        if cluster is not None:
            with contextlib.suppress(*_FAULTS):
                cluster.close(timeout=_LEAVE_S)

    def on_host(self, host: str, argv: Sequence[str]) -> Optional[str]:
        """What a program prints on a host; None if no worker is there, or it does not answer.

        Raises:
            LinkDown: the scheduler does not answer.
        """
        for address in self._workers_of(host):
            told = self._call(subprocess.run, [address], list(argv), **{**_STREAMS, "stdout": -1})
            completed = told.get(address)
            if isinstance(completed, subprocess.CompletedProcess):
                return bytes(completed.stdout).decode("utf-8", "replace")
        return None

    def _workers_of(self, host: str) -> List[str]:
        present = [worker.address for worker in self.workers()]
        unknown = [address for address in present if address not in self._names]
        for address, name in self._call(platform.node, unknown).items():
            if isinstance(name, str):
                self._names[address] = name
        return [address for address in present if self._names.get(address) == host]

    def _call(
        self, function: Callable[..., object], workers: List[str], *args: object, **named: object
    ) -> Dict[str, object]:
        """What a function of the standard library gives in workers, beside their tasks."""
        if not workers:
            return {}
        answer: Dict[str, object] = self._ask(
            lambda client: client.run(
                function, *args, workers=workers, on_error="return", asynchronous=True, **named
            )
        )
        return answer

    def _future(self, key: str) -> distributed.Future:
        """The future of a task that the scheduler knows."""
        future = self._futures.get(key)
        if future is None or future.status in ("cancelled", "lost"):
            future = self._futures[key] = distributed.Future(key, client=self._live())
        return future

    def _fault(self, future: distributed.Future) -> Result:
        try:
            error = future.exception(timeout=_ANSWER_S)
        except _FAULTS as failed:
            raise LinkDown(_why(failed)) from failed
        return Result(None, _why(error), isinstance(error, distributed.KilledWorker))

    def _live(self) -> distributed.Client:
        if self._client is None or not self.is_up:
            raise LinkDown("the connection to %s is lost" % self.called)
        return self._client

    def _ask(self, question: Callable[[distributed.Client], object]) -> Any:
        client = self._live()
        try:
            return client.sync(self._heard, client, question, callback_timeout=_ANSWER_S)
        except _FAULTS as error:
            raise LinkDown("%s does not answer (%s)" % (self.called, _why(error))) from error

    async def _heard(
        self, client: distributed.Client, question: Callable[[distributed.Client], Any]
    ) -> object:
        """The answer; a scheduler that goes while it is asked is not waited for."""
        answer = asyncio.ensure_future(question(client))
        while not answer.done():
            await asyncio.wait({answer}, timeout=_BREAK_S)
            if not answer.done() and not self.is_up:
                answer.cancel()
                raise OSError("the connection is lost")
        return answer.result()


def _client_of(target: object, within_s: float) -> distributed.Client:
    """A client of a scheduler.

    It is made in a thread that is left where it is in the end: a client waits for ever for the
    greeting of what listens and says nothing.

    Raises:
        OSError: it was not greeted in time.
        Exception: whatever distributed raises.
    """
    made: queue.Queue[object] = queue.Queue()
    given_up = threading.Event()

    def make() -> None:
        try:
            client = distributed.Client(
                target, timeout=within_s, name="orchestra", set_as_default=False
            )
        except Exception as error:  # it is raised again where it is waited for
            made.put(error)
            return
        made.put(client)
        if given_up.is_set():
            client.close(timeout=_LEAVE_S)

    threading.Thread(target=make, daemon=True).start()
    try:
        found = made.get(timeout=within_s + _GREETING_S)
    except queue.Empty:
        given_up.set()
        raise OSError("what listens there does not answer") from None
    if isinstance(found, Exception):
        raise found
    return found


def _knock(address: str, within_s: float) -> None:
    """Find at once what a client would try again and again until its time is over.

    Raises:
        OSError: nobody listens there, or there is no such machine.
        ValueError: it is no address.
    """
    if parse_address(address)[0] in ("tcp", "tls"):
        socket.create_connection(get_address_host_port(address), within_s).close()


def _own_cluster() -> distributed.LocalCluster:
    """A scheduler and a worker in this process, with the cores and the memory of the machine."""
    cores = _cores()
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with dask.config.set(_NO_PAGES):
        cluster = distributed.LocalCluster(
            n_workers=1,
            threads_per_worker=cores * _THREADS_PER_CORE,
            processes=False,
            protocol="inproc://",
            dashboard_address=_LOOPBACK,
            worker_dashboard_address=_LOOPBACK,
            memory_limit=0,
            resources={"cpu": cores, "memory": memory},
            silence_logs=logging.CRITICAL,
        )
    for server in [cluster.scheduler, *cluster.workers.values()]:
        server.http_server.stop()  # each has one, whether it is wanted or not
    return cluster


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _result(completed: object) -> Result:
    assert isinstance(completed, subprocess.CompletedProcess)
    return Result(completed.returncode, _last_line(completed.stderr))


def _last_line(text: Optional[bytes]) -> str:
    lines = (text or b"").decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _why(error: Optional[BaseException]) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, CommClosedError) and error.__cause__ is not None:
        return _why(error.__cause__)  # it tells of itself which objects it is made of
    return str(error).strip().split("\n")[0] or type(error).__name__
