"""The `orchestra` command: its subcommands, and the edge where every error becomes words."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NoReturn

from orchestra import __version__


def main() -> NoReturn:
    """Run the command line of this process and exit."""
    if sys.argv[1:] == ["--version"]:
        with suppress(OSError):  # it is met again, and told, below
            os.write(1, (__version__ + "\n").encode())  # before anything slow is imported
            sys.exit(0)
    if os.name != "posix":
        sys.exit("orchestra runs on Linux and macOS; on Windows, run it in WSL")
    try:
        from orchestra.cli.edge import run_app

        code = run_app(sys.argv[1:], os.environ)
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
