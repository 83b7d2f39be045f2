"""Bytes with every secret in them replaced, also when they come in blocks. Pure.

What is covered by any form of any secret is masked, forms that overlap by one mask together, so
that the result depends on the bytes alone and never on how they were cut into blocks.
"""

from __future__ import annotations

from typing import Dict, FrozenSet, Iterable, List, NamedTuple, Set, Tuple

MASK = b"***"
"""What stands in the place of a secret."""

_HEAD_BYTES = 8
"""Ends of blocks that are shorter are looked up among all beginnings, longer ones by their head."""

LONGEST_BEGINNING = 7
"""Bytes of a form that may be shown when a stream ends in the middle of it; more are masked."""


_COMMON = b"abcdefghijklmnopqrstuvwxyz0123456789 \t\r\n.,:;-_=/|*#<>()[]{}\"'"
"""What most output is made of. The little that is left without it is searched 30 times as fast."""

_SHORTEST_TRACE = 4


class Needles(NamedTuple):
    """Forms of a secret that share the bytes of `probe`: where it is not, none of them is."""

    probe: bytes
    forms: Tuple[bytes, ...]


Spots = List[Tuple[int, int]]
"""Where secrets stand, as in slices: in order, and none overlaps the next."""


class Masker:
    """Knows all forms of all secrets of a run, and shows none of them."""

    def __init__(self, needles: Iterable[Needles]) -> None:
        self._searches = [
            (_trace(probe), probe, [(form, form.index(probe)) for form in forms])
            for probe, forms in needles
        ]
        self._forms_by_head: Dict[bytes, List[bytes]] = {}
        beginnings: Set[bytes] = set()
        for form in (form for *_, forms in self._searches for form, _ in forms):
            beginnings.update(form[:size] for size in range(1, min(len(form), _HEAD_BYTES)))
            if len(form) > _HEAD_BYTES:
                self._forms_by_head.setdefault(form[:_HEAD_BYTES], []).append(form)
        self._beginnings: FrozenSet[bytes] = frozenset(beginnings)
        self._longest_by_head = [
            (head, max(map(len, forms))) for head, forms in self._forms_by_head.items()
        ]

    def __repr__(self) -> str:
        return "<Masker>"

    def holds(self, data: bytes) -> bool:
        """Whether a secret stands in the bytes."""
        return bool(self.spots(data))

    def mask(self, data: bytes) -> bytes:
        """The bytes with every secret in them replaced."""
        stream = self.stream()
        return stream.feed(data) + stream.finish()

    def stream(self) -> MaskStream:
        """A filter for bytes that come in blocks."""
        return MaskStream(self)

    def spots(self, data: bytes) -> Spots:
        """Where secrets stand in the bytes."""
        found: Spots = []
        rare = data.translate(None, _COMMON)
        for trace, probe, forms in self._searches:
            at = data.find(probe) if trace in rare else -1
            while at >= 0:
                for form, before in forms:
                    if at >= before and data.startswith(form, at - before):
                        found.append((at - before, at - before + len(form)))
                at = data.find(probe, at + 1)
        return _merged(found) if len(found) > 1 else found

    def held(self, data: bytes) -> int:
        """How many bytes at the end are the beginning of a form: no byte more, no byte less."""
        longest = 0
        for head, length in self._longest_by_head:
            start = data.find(head, max(0, len(data) - length + 1))
            while start >= 0 and len(data) - start > longest:
                end = data[start:]
                if any(
                    len(form) > len(end) and form.startswith(end)
                    for form in self._forms_by_head[head]
                ):
                    longest = len(end)
                    break
                start = data.find(head, start + 1)
        if longest:
            return longest
        sizes = range(min(_HEAD_BYTES - 1, len(data)), 0, -1)
        return next((size for size in sizes if data[-size:] in self._beginnings), 0)


class MaskStream:
    """One stream of bytes on its way through the masker.

    What may be the beginning of a secret is held until it is known not to be, or the stream ends,
    however long nothing comes.
    """

    __slots__ = ("_hidden", "_masker", "_tail")

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._tail = b""
        self._hidden = 0  # bytes at the head of the tail for which a mask has been given out

    def feed(self, block: bytes) -> bytes:
        """Take a block, give what can be shown by now."""
        data = self._tail + block if self._tail else block
        spots = self._masker.spots(data)
        held = self._masker.held(data)
        if not (spots or held or self._hidden):
            self._tail = b""
            return data
        return self._shown(data, spots, len(data) - held)

    def finish(self) -> bytes:
        """What was held when the stream ended, masked where it is a good part of a secret."""
        data = self._tail
        spots = self._masker.spots(data)
        if len(data) > LONGEST_BEGINNING:
            spots = [(0, len(data))]
        return self._shown(data, spots, len(data))

    def _shown(self, data: bytes, spots: Spots, cut: int) -> bytes:
        """The data up to `cut`, where no form can begin that reaches beyond their end."""
        pieces: List[bytes] = []
        at = self._hidden
        for start, end in spots:
            if start < at:
                at = max(at, end)
            elif start < cut:
                pieces += (data[at:start], MASK)
                at = end
        if at < cut:
            pieces.append(data[at:cut])
        self._hidden = max(0, at - cut)
        self._tail = data[cut:]
        return b"".join(pieces)


def _trace(probe: bytes) -> bytes:
    """What is left of a probe without what is common; nothing where that tells too little."""
    trace = probe.translate(None, _COMMON)
    return trace if len(trace) >= _SHORTEST_TRACE else b""


def _merged(found: Spots) -> Spots:
    found.sort()
    merged = [found[0]]
    for start, end in found:
        last_start, last_end = merged[-1]
        if start < last_end:
            merged[-1] = (last_start, max(last_end, end))
        else:
            merged.append((start, end))
    return merged
