"""The words of errors: the only place that makes text for people out of what was raised."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Dict, List, Mapping, NamedTuple, Sequence

import click

from orchestra import __version__
from orchestra.errors import (
    Fault,
    GroupFull,
    OrchestraError,
    RunBroken,
    RunHeld,
    StoreError,
    UsageError,
    WorkflowError,
)
from orchestra.model.look import Look, Tone
from orchestra.model.screen_text import safe_line
from orchestra.spec.findings import MORE

_SHOWN_FRAMES = 12
_WIDTH = 100
_TAB = "    "
_CHUNK = 2**16
_TONES = {"error": Tone.BAD, "warning": Tone.WARN}


def format_faults(faults: Sequence[Fault], text: str, color: bool = False) -> str:
    """Each fault as a compiler shows it: place, what, the line with a caret, what to do."""
    look = Look(color)
    numbers = {number for fault in faults for number in (fault.line, *fault.related)}
    lines = _lines(text, sorted(numbers))
    return "\n".join(_fault(fault, lines, look) for fault in faults)


def format_error(error: OrchestraError, color: bool = False) -> str:
    """Anything orchestra says no to: what is wrong, and what would do."""
    if isinstance(error, WorkflowError):
        return format_faults(error.faults, error.text, color)
    if isinstance(error, (UsageError, RunBroken, GroupFull)):
        return _sentence(error.message, error.hint, Look(color))
    if isinstance(error, RunHeld):
        words = "another orchestra is at work on run %s" % error.run_id
        return _sentence(words, "`orchestra show %s` shows it" % error.run_id, Look(color))
    if isinstance(error, StoreError):
        words = "%s: %s" % (error.path, error.message)
        return _sentence(words, error.hint, Look(color))
    return _sentence(str(error) or type(error).__name__, "", Look(color))


def format_unread(error: StoreError, color: bool = False) -> str:
    """A record of runs that cannot be read, for a command that goes on without."""
    words = "%s: %s; earlier runs are not known" % (error.path, error.message)
    return _sentence(words, error.hint, Look(color), "warning")


def format_click(error: click.ClickException, color: bool = False) -> str:
    """What is wrong with the command line itself, and where help is."""
    if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
        return error.format_message() + "\n"
    command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
    hint = "`%s --help` shows how it is used" % command if command else ""
    # from 8.2 on click names the nearest command, as typer does
    words = " Did you mean ".join(error.format_message().split(" Did you mean ")[:2])
    return _sentence(words.rstrip("."), hint, Look(color))


def format_os_error(error: OSError, color: bool = False) -> str:
    """What the system said no to, and where."""
    words = error.strerror or str(error) or type(error).__name__
    if error.filename is not None:
        words = "%s: %s" % (os.fsdecode(error.filename), words)
    elif isinstance(error, FileNotFoundError):
        words = "the current folder is gone"  # all else is asked for by name
    return _sentence(words, "", Look(color))


def format_bug(error: BaseException, frames: Sequence[traceback.FrameSummary]) -> str:
    """A fault of orchestra itself, as something to report: what and where, without any value."""
    lines = ["orchestra %s met a fault of its own. Please report these lines:" % __version__]
    lines.append("  %s on Python %d.%d.%d" % ((type(error).__name__, *sys.version_info[:3])))
    for frame in frames[-_SHOWN_FRAMES:]:
        place = frame.filename.replace(os.sep, "/").rsplit("/orchestra/", 1)[-1]
        lines.append("  at %s:%s in %s" % (place, frame.lineno, frame.name))
    return _sentence(lines[0], "", Look(False)) + "".join(line + "\n" for line in lines[1:])


class _Line(NamedTuple):
    """A line of a file as it is shown, and where the caret stands below it, in cells."""

    text: str
    caret: int


def _fault(fault: Fault, lines: Mapping[int, str], look: Look) -> str:
    place = "%s:%d:%d: " % (safe_line(fault.file), fault.line, fault.column)
    kind = look.paint(fault.severity, _TONES.get(fault.severity, Tone.STRONG))
    mark = " [%s %s]" % (fault.code, fault.name) if fault.name else ""
    shown = [look.paint(place, Tone.STRONG) + kind + ": " + safe_line(fault.message) + mark]
    if fault.code != MORE:
        width = len(str(max((fault.line, *fault.related))))
        for number in sorted({n for n in fault.related if n != fault.line}):
            shown += _excerpt(lines, number, None, width, look)
        shown += _excerpt(lines, fault.line, fault.column, width, look)
    if fault.suggestion:
        shown.append("  %s %s" % (look.paint("help:", Tone.GOOD), safe_line(fault.suggestion)))
    return "".join(line + "\n" for line in shown)


def _excerpt(
    lines: Mapping[int, str], number: int, column: object, width: int, look: Look
) -> List[str]:
    """The line behind its number, and below it a caret at `column`, counted from 1."""
    if number not in lines:
        return []
    at = column if isinstance(column, int) else 1
    line = _visible(lines[number], at, look)
    bar = look.paint("|", Tone.QUIET)
    shown = ["%s %s %s" % (look.paint(str(number).rjust(width + 2), Tone.QUIET), bar, line.text)]
    if isinstance(column, int):
        caret = look.paint("^", Tone.BAD)
        shown.append("%s %s %s%s" % (" " * (width + 2), bar, " " * line.caret, caret))
    return [part.rstrip() if not look.color else part for part in shown]


def _visible(line: str, column: int, look: Look) -> _Line:
    """The part of a line around a column, with everything a terminal would obey spelled out."""
    from rich.cells import cell_len

    before, after = line[: column - 1], line[column - 1 :]
    start = max(0, len(before) - 2 * _WIDTH)
    before, after = _safe(before[start:]), _safe(after[: 2 * _WIDTH])
    lead = look.ellipsis if start else ""
    while cell_len(before) > _WIDTH * 2 // 3:
        before, lead = before[1:], look.ellipsis
    room = _WIDTH - cell_len(lead + before)
    is_cut = len(line) - column + 1 > 2 * _WIDTH
    while cell_len(after) > room:
        after, is_cut = after[:-1], True
    text = lead + before + after + (look.ellipsis if is_cut else "")
    return _Line(text, cell_len(lead + before))


def _safe(text: str) -> str:
    return _TAB.join(safe_line(part) for part in text.split("\t"))


def _sentence(message: str, hint: str, look: Look, severity: str = "error") -> str:
    first, *rest = [safe_line(line) for line in message.split("\n")]
    shown = ["%s: %s" % (look.paint(severity, _TONES[severity]), first)]
    shown += ["       " + line for line in rest]
    if hint:
        shown.append("  %s %s" % (look.paint("help:", Tone.GOOD), safe_line(hint)))
    return "".join(line + "\n" for line in shown)


def _lines(text: str, numbers: Sequence[int]) -> Dict[int, str]:
    """The lines with these numbers, in ascending order from 1; a large text is not taken apart."""
    lines: Dict[int, str] = {}
    number, start = 1, 0
    for wanted in numbers:
        while number < wanted and start + _CHUNK < len(text):
            passed = text.count("\n", start, start + _CHUNK)
            if number + passed >= wanted:
                break
            number, start = number + passed, start + _CHUNK
        while number < wanted:
            end = text.find("\n", start)
            if end < 0:
                return lines
            number, start = number + 1, end + 1
        begin = text.rfind("\n", 0, start) + 1
        end = text.find("\n", start)
        lines[wanted] = text[begin : end if end >= 0 else len(text)].rstrip("\r")
    return lines
