"""A small make: runs jobs as the job server in MAKEFLAGS allows, by its descriptors or its path.

jobclient.py descriptors|path COUNT COMMAND...
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
from typing import List, Tuple


def connect(style: str) -> Tuple[int, int]:
    """What to take tokens from, and where to give them back."""
    flags = os.environ["MAKEFLAGS"]
    found = re.search(r"--jobserver-auth=fifo:(\S+) --jobserver-aut=(\d+),(\d+)", flags)
    assert found is not None, flags
    if style == "path":
        fd = os.open(found.group(1), os.O_RDWR)
        return fd, fd
    return int(found.group(2)), int(found.group(3))


def main(style: str, count: int, command: List[str]) -> None:
    """Run the command so often; the first job needs no token."""
    take, give = connect(style)
    os.set_blocking(take, False)
    running: List[Tuple[subprocess.Popen, bytes]] = []
    while count or running:
        for job in [job for job in running if job[0].poll() is not None]:
            running.remove(job)
            os.write(give, job[1])
        is_free = all(token for _, token in running)
        token = b""
        if count and not is_free and select.select([take], [], [], 0.01)[0]:
            try:
                token = os.read(take, 1)
            except BlockingIOError:
                token = b""
        if count and (is_free or token):
            running.append((subprocess.Popen(command), token))
            count -= 1
        elif running and not count:
            running[0][0].wait()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
