"""One attempt's output, from the file that its script writes to its log. Waits for nothing.

Secrets are masked on the way. Neither file is kept open: there may be a thousand of them.
"""

from __future__ import annotations

import contextlib
import os
from typing import Callable, Optional

from orchestra.executors.output import ADDING_FLAGS, BLOCK_BYTES, LOG_FLAGS
from orchestra.model.masking import MaskStream

MOST_AT_ONCE = 16
"""How many blocks of one attempt are moved before another one has its turn."""


class Follower:
    """Moves what is new. What is in the log already, from an earlier orchestrator, is passed over:

    masked again it comes to the same bytes. `on_block` is handed what goes into the log, once it is
    there; `on_fault` is told once why a log cannot be written. `log_bytes` is how much is in it.
    """

    __slots__ = ("_at", "_flags", "_log_path", "_lost", "_mask", "_passed", "_source", "log_bytes")

    def __init__(self, source: str, log_path: str, mask: Optional[MaskStream], goes_on: bool):
        self._source = source
        self._log_path = log_path
        self._mask = mask
        self._at = 0
        self._lost = False
        self._flags = LOG_FLAGS
        self.log_bytes = 0
        self._passed = 0
        if goes_on:
            with contextlib.suppress(OSError):
                self.log_bytes = self._passed = os.stat(log_path).st_size
            self._flags = ADDING_FLAGS

    def follow(
        self, on_block: Callable[[bytes], None], on_fault: Callable[[str], None], whole: bool
    ) -> bool:
        """Move what is there, all of it if it is the `whole`; whether there was anything."""
        moved = False
        with contextlib.suppress(OSError):
            source = os.open(self._source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                moved = self._move(source, on_block, on_fault, whole)
            finally:
                os.close(source)
        if whole and self._mask is not None:
            self._write(self._mask.finish(), on_block, on_fault)
        return moved

    def _move(
        self,
        source: int,
        on_block: Callable[[bytes], None],
        on_fault: Callable[[str], None],
        whole: bool,
    ) -> bool:
        blocks = 0
        while whole or blocks < MOST_AT_ONCE:
            block = os.pread(source, BLOCK_BYTES, self._at)
            if not block:
                break
            blocks += 1
            self._at += len(block)
            shown = block if self._mask is None else self._mask.feed(block)
            self._write(shown, on_block, on_fault)
        return blocks > 0

    def _write(
        self, shown: bytes, on_block: Callable[[bytes], None], on_fault: Callable[[str], None]
    ) -> None:
        if self._passed:
            passed = min(self._passed, len(shown))
            self._passed -= passed
            shown = shown[passed:]
        if not shown:
            return
        if not self._lost:
            try:
                self._add(shown)
            except OSError as error:
                self._lost = True
                on_fault("cannot write %s: %s" % (self._log_path, error.strerror))
        on_block(shown)

    def _add(self, shown: bytes) -> None:
        log = os.open(self._log_path, self._flags | os.O_CLOEXEC, 0o600)
        self._flags = ADDING_FLAGS
        try:
            view = memoryview(shown)
            while view:
                written = os.write(log, view)
                self.log_bytes += written
                view = view[written:]
        finally:
            os.close(log)
