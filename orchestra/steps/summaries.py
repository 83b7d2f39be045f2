"""What an attempt wrote to `$ORCHESTRA_SUMMARY`: Markdown, kept as it is. Never follows a link.

The file lies in the run's folder already; it is made private there, and cut where it is too large.
"""

from __future__ import annotations

import os
import stat
from typing import NamedTuple, Optional

from orchestra.model.masking import Masker

SUMMARY_SUFFIX = ".md"
"""What its path has behind that of the attempt's outputs."""

LARGEST_BYTES = 2**20
"""What is kept of one summary; it is also what GitHub takes."""


_SPARE_BYTES = 2**19
"""No form of a secret is longer: 64 KiB, each byte of which may be written as six."""


class Summary(NamedTuple):
    """The size of a summary that was kept, 0 for none, and what is to be said about it."""

    size: int
    note: str = ""


_NONE = Summary(0)


def keep_summary(path: str, masker: Optional[Masker] = None) -> Summary:
    """Keep what was written, masked; most attempts write nothing, which costs one look."""
    if not os.access(path, os.F_OK):
        return _NONE
    try:
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags)
    except OSError as fault:
        return Summary(0, "the summary cannot be read: %s" % fault.strerror)
    try:
        return _keep(descriptor, masker)
    except OSError as fault:
        return Summary(0, "the summary cannot be kept: %s" % fault.strerror)
    finally:
        os.close(descriptor)


def _keep(descriptor: int, masker: Optional[Masker]) -> Summary:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        # cutting it would change a file that is not the run's
        return Summary(0, "the summary was replaced by something that is no file of its own")
    os.fchmod(descriptor, 0o600)
    if masker is not None:
        _mask(descriptor, masker)
    written = found.st_size
    found = os.fstat(descriptor)
    if found.st_size <= LARGEST_BYTES:
        return Summary(found.st_size)
    end = _whole_characters(os.pread(descriptor, 4, LARGEST_BYTES - 4))
    size = LARGEST_BYTES - 4 + end
    os.ftruncate(descriptor, size)
    return Summary(size, "the summary has %d bytes and was cut at 1 MiB" % written)


def _mask(descriptor: int, masker: Masker) -> None:
    """Put the masked text in the place of one that holds secrets; it may be cut at the limit."""
    data = os.pread(descriptor, LARGEST_BYTES + _SPARE_BYTES + 1, 0)
    if not masker.holds(data):
        return
    masked = masker.mask(data)
    if len(data) > LARGEST_BYTES + _SPARE_BYTES:
        masked = masked[:-_SPARE_BYTES]  # where the beginning of a secret may stand
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, masked, 0)


def _whole_characters(tail: bytes) -> int:
    """How many of these bytes can stay so that no UTF-8 character is cut."""
    for cut in range(1, len(tail) + 1):
        byte = tail[-cut]
        if byte & 0xC0 != 0x80:  # where the last character begins
            length = 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(tail) if length <= cut else len(tail) - cut
    return len(tail)
