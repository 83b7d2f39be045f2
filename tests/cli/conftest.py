"""Fixtures of the command line's tests."""

from __future__ import annotations

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
    """Each engine there is; a test leaves no process of its runs behind."""
    yield engine_named(request.param, cli, request)
    until(lambda: left_of(cli) == [])


@pytest.fixture
def process(request: pytest.FixtureRequest, cli: CommandLine) -> Iterator[Engine]:
    """The engine that needs no cluster."""
    yield engine_named("process", cli, request)
    until(lambda: left_of(cli) == [])
