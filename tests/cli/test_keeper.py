"""What reaches the process that a user started, and what becomes of the run."""

from __future__ import annotations

import os
import signal

import pytest

from tests.cli.commandline import CommandLine
from tests.cli.going import engine_of, ledger, running

CLEANS_UP = """
version: 1
steps:
  a: {run: "trap 'echo cleaned >> ledger; exit 1' TERM; echo begun >> ledger; sleep 30 & wait"}
finally: {run: "echo done >> ledger"}
"""


def test_a_signal_that_is_sent_twice_at_once_leaves_time_for_clean_up(cli: CommandLine) -> None:
    process = running(cli, CLEANS_UP)
    for _ in range(2):  # as timeout(1) does: to the process, and to its group
        process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, ledger(cli)) == (143, ["begun", "cleaned", "done"])
    assert "at once" not in out


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_run_has_begun_ends_the_keeper_as_it_ends_the_engine(
    cli: CommandLine, number: signal.Signals
) -> None:
    process = cli.file("flow.yaml", CLEANS_UP).start("run", "flow.yaml")
    engine = engine_of(process)
    process.send_signal(signal.SIGSTOP)
    os.kill(engine, number)
    process.send_signal(signal.SIGCONT)
    _, err = process.communicate(timeout=60)
    assert process.returncode in (-number, 128 + number)
    assert "Traceback" not in err
