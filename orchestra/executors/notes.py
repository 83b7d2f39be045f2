"""Opens the files of a run's folder in which its processes tell of each other. Follows no link."""

from __future__ import annotations

import errno
import os
import stat


def open_note(path: str, flags: int) -> int:
    """A descriptor of the file, which must be a plain one of its own: others may have put it there.

    Raises:
        OSError: it cannot be opened, or is a link, a FIFO or the like.
    """
    # O_NONBLOCK: a FIFO must not hang whoever opens it
    flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
        return descriptor
    os.close(descriptor)
    raise OSError(errno.ENXIO, "it is not a plain file of its own", path)
