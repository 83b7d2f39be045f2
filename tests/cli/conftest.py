"""Fixtures of the command line's tests."""

from __future__ import annotations

import os
import signal
from typing import Iterator

import pytest

from tests.cli.commandline import CommandLine
from tests.cli.elsewhere import Engine, engine_named, left_of
from tests.cli.going import until

ENGINES = [
    "process",
    pytest.param("slurm", marks=pytest.mark.engines),
    pytest.param("dask", marks=pytest.mark.engines),
]


@pytest.fixture
def cli(tmp_path):
    return CommandLine(tmp_path)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, cli: CommandLine) -> Iterator[Engine]:
    """Each engine there is; a test leaves no process and no job of its runs behind."""
    engine = engine_named(request.param, cli, request)
    yield engine
    try:
        until(lambda: not left_of(cli) and engine.is_idle())
    finally:
        for pid in left_of(cli):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def process(request: pytest.FixtureRequest, cli: CommandLine) -> Iterator[Engine]:
    """The engine that needs no cluster."""
    yield engine_named("process", cli, request)
    until(lambda: not left_of(cli))
