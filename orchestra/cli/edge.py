"""The edge of the program: whatever happens inside becomes words and an exit code here."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Mapping, Sequence

import click

from orchestra.cli import commands, messages
from orchestra.cli.terminal import Terminal, settle_streams
from orchestra.errors import ExitCode, OrchestraError


def run_app(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """The exit code of the command line; a traceback is never shown."""
    settle_streams()
    terminal = Terminal(dict(environ))
    color = terminal.look(sys.stderr).color
    try:
        result = commands.app(list(arguments), prog_name="orchestra", standalone_mode=False)
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
        # whoever read the output has seen enough; what Python has left over must not fail again
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return ExitCode.OK
    except OSError as fault:
        terminal.say(messages.format_os_error(fault, color))
        return ExitCode.BROKEN
    except MemoryError:
        terminal.say("error: out of memory")
        return ExitCode.BROKEN
    except Exception as fault:
        terminal.say(messages.format_bug(fault, traceback.extract_tb(fault.__traceback__)))
        return ExitCode.BUG
