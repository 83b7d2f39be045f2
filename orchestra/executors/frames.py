"""Messages over a socket between two processes of orchestra: JSON behind its length. Pure."""

from __future__ import annotations

import json
import struct
from typing import Any, Dict, Iterator, List

_HEAD = struct.Struct(">I")

Message = Dict[str, Any]


def packed(message: Message) -> bytes:
    """The message as it is sent; its strings may hold bytes that are no text, as surrogates."""
    raw = json.dumps(message, separators=(",", ":")).encode("ascii")
    return _HEAD.pack(len(raw)) + raw


class Frames:
    """Bytes as they come in, cut into messages."""

    def __init__(self) -> None:
        self._left = bytearray()

    def feed(self, block: bytes) -> Iterator[Message]:
        """The messages that are whole by now."""
        self._left += block
        found: List[Message] = []
        at = 0
        while len(self._left) - at >= _HEAD.size:
            (size,) = _HEAD.unpack_from(self._left, at)
            if len(self._left) - at - _HEAD.size < size:
                break
            at += _HEAD.size
            found.append(json.loads(self._left[at : at + size].decode("ascii")))
            at += size
        del self._left[:at]
        return iter(found)


def text_of(raw: bytes) -> str:
    """Bytes as a string for a message."""
    return raw.decode("utf-8", "surrogateescape")


def bytes_of(text: str) -> bytes:
    """The bytes of such a string."""
    return text.encode("utf-8", "surrogateescape")
