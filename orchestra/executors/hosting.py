"""How the helper process of an engine begins: it opens the place, and serves until it is left."""

from __future__ import annotations

import contextlib
import socket
from typing import List

from orchestra.executors.frames import Frames, Message, packed
from orchestra.executors.host import BLOCK_BYTES, Host
from orchestra.executors.known import BrokenExecutor, Opening
from orchestra.executors.places import PlaceFault
from orchestra.model.masking import Masker
from orchestra.model.secret_forms import needles_of


def main(descriptor: int) -> None:
    """Serve the process at the other end until that is gone, or has closed."""
    link = socket.socket(fileno=descriptor)
    _serve(link)
    link.close()  # not before: what is raised is to be written down when the other end sees it


def _serve(link: socket.socket) -> None:
    frames = Frames()
    waiting: List[Message] = []
    while not waiting:
        block = link.recv(BLOCK_BYTES)
        if not block:
            return
        waiting.extend(frames.feed(block))
    order = waiting.pop(0)
    opening = Opening(*order["opening"])
    try:
        place = opening.open_place()(order["settings"], order["run_id"])
    except (PlaceFault, BrokenExecutor) as fault:
        _refuse(link, frames, waiting, str(fault))
        return
    secrets = order["secrets"]
    masker = Masker(needles_of(secrets)) if secrets else None
    times_s = order["grace_s"], order["close_s"], order["beat_s"]
    host = Host(place, link, frames, masker, *times_s, order["watched"])
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        host.serve(waiting)
    place.close()


def _refuse(link: socket.socket, frames: Frames, waiting: List[Message], fault: str) -> None:
    """Say that the place cannot be used, whatever is asked, until nobody asks."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        while True:
            for message in waiting:
                if message["do"] == "check":
                    link.sendall(packed({"news": [["problems", [fault]]]}))
                elif message["do"] == "close":
                    return
                else:
                    link.sendall(packed({"news": [["fault", fault]]}))
            block = link.recv(BLOCK_BYTES)
            if not block:
                return
            waiting = list(frames.feed(block))
