"""The edge of the program: whatever happens inside becomes words and an exit code here."""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING, Mapping, Optional, Sequence

import click

from orchestra.cli import commands, messages
from orchestra.cli.terminal import Terminal, settle_streams
from orchestra.errors import ExitCode, OrchestraError

if TYPE_CHECKING:
    from orchestra.cli.keeper import Link


def run_app(
    arguments: Sequence[str], environ: Mapping[str, str], keeper: Optional[Link] = None
) -> int:
    """The exit code of the command line; a traceback is never shown.

    `keeper` is the link to the process that keeps this one, if there is one.
    """
    settle_streams()
    terminal = Terminal(dict(environ))
    color = terminal.look(sys.stderr).color
    try:
        result = commands.application(arguments)(
            list(arguments), prog_name="orchestra", standalone_mode=False, obj=keeper
        )
        terminal.flush()
        return result if isinstance(result, int) else ExitCode.OK
    except (KeyboardInterrupt, click.exceptions.Abort):
        return ExitCode.INTERRUPTED
    except click.ClickException as fault:
        terminal.say(messages.format_click(fault, color))
        return ExitCode.INVALID
    except OrchestraError as fault:
        terminal.say(messages.format_error(fault, color))
        return fault.exit_code
    except BrokenPipeError:
        _give_up_output()
        return ExitCode.OK  # whoever read the output has seen enough
    except SystemExit as fault:
        # click's own way to leave when the reader is gone, which is no failure of a command here
        if isinstance(fault.__context__, BrokenPipeError):
            _give_up_output()
            return ExitCode.OK
        raise
    except OSError as fault:
        _give_up_output()
        terminal.say(messages.format_os_error(fault, color))
        return ExitCode.BROKEN
    except MemoryError:
        terminal.say("error: out of memory")
        return ExitCode.BROKEN
    except Exception as fault:
        terminal.say(messages.format_bug(fault, traceback.extract_tb(fault.__traceback__)))
        return ExitCode.BUG


def _give_up_output() -> None:
    """Write what is left, or let it not fail once more when Python exits."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
