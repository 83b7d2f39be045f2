"""The `orchestra` command: its subcommands, and the edge where every error becomes words.

Imports next to nothing: what happens before `main` begins cannot be told in words.
"""

from __future__ import annotations

import os
import sys

from orchestra import __version__


def main() -> None:
    """Run the command line of this process and exit."""
    try:
        _leave_at_once_when_interrupted()
        _collect_seldom()
        code = _run(sys.argv[1:])
    except KeyboardInterrupt:  # nothing has begun, and a second one could come at any moment
        os._exit(130)
    _ignore_late_signals()
    _spare_the_last_collection()
    sys.exit(code)


def _leave_at_once_when_interrupted() -> None:
    """Outside of a run, which has a way of its own, there is nothing to put in order.

    KeyboardInterrupt in the middle of an import can come out as another exception: until Python
    3.12 as the RuntimeError of `__set_name__`.
    """
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda number, frame: os._exit(128 + number))


def _collect_seldom() -> None:
    """Look for garbage after 100,000 new objects, not some hundred: 8 ms of every start."""
    import gc

    gc.set_threshold(100_000, 20, 100)


def _ignore_late_signals() -> None:
    """All is done and recorded: what arrives while Python cleans up must not change the code."""
    import signal

    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _spare_the_last_collection() -> None:
    """Python looks for garbage once more before it ends: 45 ms for the record of 10,000 steps."""
    import gc

    gc.freeze()


def _run(arguments: list[str]) -> int:
    if arguments == ["--version"]:
        try:
            os.write(1, (__version__ + "\n").encode())  # before anything slow is imported
            return 0
        except OSError:
            pass  # it is met again, and told, below
    if os.name != "posix":
        sys.exit("orchestra runs on Linux and macOS; on Windows, run it in WSL")
    link = None
    if _is_kept(arguments):
        from orchestra.cli.keeper import split

        link = split()
    from orchestra.cli.edge import run_app

    return run_app(arguments, os.environ, link)


def _is_kept(arguments: list[str]) -> bool:
    """Whether a command line starts an engine that is to have a keeper."""
    starts = arguments[:1] in (["run"], ["resume"]) and sys.platform == "linux"
    return starts and not {"--help", "-h", "--dry-run"}.intersection(arguments)
