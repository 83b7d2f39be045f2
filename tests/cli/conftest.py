"""Fixtures of the command line's tests."""

from __future__ import annotations

import pytest

from tests.cli.commandline import CommandLine


@pytest.fixture
def cli(tmp_path):
    return CommandLine(tmp_path)
