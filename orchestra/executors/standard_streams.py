"""Descriptors 0 to 2: they are open, whatever this process was started with."""

from __future__ import annotations

import os


def open_standard_streams() -> None:
    """Put /dev/null in the place of those that are closed.

    Otherwise the next file that is opened would take their number, and output would land in it.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_WRONLY if descriptor else os.O_RDONLY)
