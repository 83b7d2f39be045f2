"""Where the command line writes: which streams there are, what they can show."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from typing import Mapping, Optional, TextIO, Tuple

from orchestra.cli.foreground import Foreground
from orchestra.executors.standard_streams import open_standard_streams
from orchestra.model.look import Look
from orchestra.subscribers.writer import ScreenWriter

MODES = ("live", "plain", "stream", "quiet", "json")

_STDERR = 2
_ON_STDERR = ("live", "quiet")
_WIDTH_OF_PIPES = 100
_JSON_WAITING = 64 * 1024 * 1024


class Terminal:
    """The standard streams of this process and the environment that says how to use them.

    `group` is the process group that a shell has as its job, by default that of this process.
    """

    def __init__(self, environ: Mapping[str, str], group: Optional[int] = None) -> None:
        self._environ = environ
        self._group = os.getpgrp() if group is None else group
        self.is_ci = environ.get("CI", "").lower() not in ("", "0", "false")

    def mode(self, wanted: Optional[str]) -> str:
        """The mode to use: `live` where a person watches both streams, if nothing is wanted.

        A live view needs a terminal that moves its cursor; elsewhere it becomes `plain`. In the
        background of a shell `live` draws nothing until it comes to the front, so it must be asked
        for.
        """
        can_live = _is_tty(sys.stderr) and self._environ.get("TERM", "dumb") != "dumb"
        if wanted is None:
            is_watched = _is_tty(sys.stdout) and self.foreground().is_ours()
            wanted = "live" if is_watched and not self.is_ci else "plain"
        return "plain" if wanted == "live" and not can_live else wanted

    def look(self, stream: Optional[TextIO]) -> Look:
        """What the stream can show."""
        color = (
            _is_tty(stream)
            and not self._environ.get("NO_COLOR")
            and self._environ.get("TERM", "dumb") != "dumb"
        )
        encoding = (stream.encoding if stream is not None else "") or ""
        return Look(color, encoding.lower().replace("-", "").startswith("utf"))

    def look_of(self, mode: str) -> Look:
        """What a mode may write to its stream; `plain` and `stream` promise no escapes."""
        look = self.look(sys.stderr if mode in _ON_STDERR else sys.stdout)
        return look if mode in _ON_STDERR else look._replace(color=False)

    def size(self) -> Tuple[int, int]:
        """Columns and lines; 100 columns where nobody watches."""
        stream = sys.stderr if _is_tty(sys.stderr) else sys.stdout
        if not _is_tty(stream):
            return shutil.get_terminal_size((_WIDTH_OF_PIPES, 24))
        assert stream is not None
        try:
            columns, lines = os.get_terminal_size(stream.fileno())
        except OSError:
            return _WIDTH_OF_PIPES, 24
        return columns or 80, lines or 24

    @property
    def width(self) -> int:
        """Columns to lay text out in."""
        return max(self.size()[0], 20)

    def open_screen(self, mode: str) -> ScreenWriter:
        """A writer on the stream that a mode writes to, which no reader can hold up."""
        stream, descriptor = (sys.stderr, _STDERR) if mode in _ON_STDERR else (sys.stdout, 1)
        encoding = (stream.encoding if stream is not None else "") or "utf-8"
        if mode == "live":
            return ScreenWriter(descriptor, encoding, gather_s=0)
        if mode == "json":
            # nothing but JSON, whatever is left out: `seq` tells the gap
            return ScreenWriter(descriptor, encoding, _JSON_WAITING, lambda count: "")
        return ScreenWriter(descriptor, encoding)

    def foreground(self) -> Foreground:
        """Tells when a live view can be drawn."""
        return Foreground(_STDERR, self._group)

    def out(self, text: str) -> None:
        """Data, to standard output."""
        if sys.stdout is not None:
            sys.stdout.write(text)

    def out_bytes(self, data: bytes) -> None:
        """Data as it is, to standard output."""
        if sys.stdout is not None:
            sys.stdout.flush()
            sys.stdout.buffer.write(data)

    def say(self, text: str) -> None:
        """A message, to standard error; a reader who is gone is no fault."""
        if sys.stderr is not None:
            try:
                sys.stderr.write(text if text.endswith("\n") else text + "\n")
                sys.stderr.flush()
            except OSError:
                _give_up(sys.stderr)

    def flush(self) -> None:
        """Write out what was printed, while a fault can still be told."""
        if sys.stdout is not None:
            sys.stdout.flush()


def settle_streams() -> None:
    """Let there be standard streams, and let no text fail in them."""
    open_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _give_up(stream: TextIO) -> None:
    """Let what is left in the stream not fail once more when Python ends, with code 120."""
    with suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def _is_tty(stream: Optional[TextIO]) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False
