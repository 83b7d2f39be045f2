"""A workbench for each test, after which nothing of it may be left."""

from __future__ import annotations

import signal
import uuid
from pathlib import Path
from typing import Iterator

import pytest

from tests.executors.workbench import Workbench, pids_marked


@pytest.fixture
def run_id() -> str:
    return "test-%s" % uuid.uuid4().hex


@pytest.fixture
def bench(run_id: str, tmp_path: Path) -> Iterator[Workbench]:
    workbench = Workbench(run_id, tmp_path)
    yield workbench
    workbench.executor.close()
    assert pids_marked(run_id) == []


@pytest.fixture
def as_before() -> Iterator[None]:
    """Puts back what a test does to the signals of this process."""
    handlers = {number: signal.getsignal(number) for number in signal.Signals}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    for number, handler in handlers.items():
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, handler)
