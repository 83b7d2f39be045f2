"""Where values stand in a YAML text: walks its events again, keeping only what is asked for. Pure.

Only called when there is something to report, once for all faults: a walk costs as much as reading.
"""

from __future__ import annotations

from typing import (
    Any,
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Union,
)

import yaml
from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from orchestra.errors import PathParts
from orchestra.spec.events import parse

MAX_KEPT = 200_000
"""No more places than this are kept; what lies beyond is reported at the nearest one."""

_MERGE = "<<"
_ENDS = (MappingEndEvent, SequenceEndEvent)
_STARTS = (MappingStartEvent, SequenceStartEvent)
_WORDS = (ScalarEvent, AliasEvent)
_BEGINNINGS = (ScalarEvent, MappingStartEvent, SequenceStartEvent)


class Place(NamedTuple):
    """Characters `start` to `end` of the text; a scalar has its style (`|`, `>`, a quote, empty).

    `key_start` is where its key begins; `parts` are the places of its keys or items as far as
    they were asked for.
    """

    start: int
    end: int
    key_start: int
    style: Optional[str]
    parts: Dict[Union[str, int], Any]


class Wanted(NamedTuple):
    """A tree of the paths asked for; `everything` keeps all that stands below."""

    parts: Dict[Union[str, int], Any]
    everything: bool = False


_EVERYTHING = Wanted({}, True)
_NO_PARTS: Dict[Union[str, int], Any] = {}


def wanted(paths: Iterable[PathParts]) -> Wanted:
    """The tree of some paths."""
    root = Wanted({})
    for path in paths:
        node = root
        for part in path:
            node = node.parts.setdefault(part, Wanted({}))
    return root


def locate(data: bytes, paths: Iterable[PathParts]) -> Place:
    """The root's place, and below it those of `paths` as far as the text can be read."""
    return _Walker(data, wanted(paths)).walk()


def find(root: Place, path: PathParts) -> Place:
    """The place of `path`, or of the nearest value around it."""
    place = root
    for part in path:
        if part not in place.parts:
            break
        place = place.parts[part]
    return place


def twins(data: bytes, seconds: FrozenSet[int]) -> Mapping[int, int]:
    """For each key that starts at one of `seconds` and is a twin: where the first one starts."""
    first_by_second: Dict[int, int] = {}
    stack: List[Any] = []
    keys: Optional[Dict[str, int]] = None
    expects_key = False
    event: Any
    for event in _until_broken(data):
        if _kind(event) in _ENDS:
            keys = stack.pop()
            expects_key = True
        elif _kind(event) in _STARTS:
            stack.append(keys)
            keys = {} if _kind(event) is MappingStartEvent else None
            expects_key = True
        elif _kind(event) in _WORDS:
            if keys is not None and expects_key and _kind(event) is ScalarEvent:
                start = event.start_mark.index
                first = keys.setdefault(event.value, start)
                if start in seconds:
                    first_by_second[start] = first
            expects_key = not expects_key
        if len(first_by_second) == len(seconds):
            break
    return first_by_second


def _until_broken(data: bytes) -> Iterator[Any]:
    events = parse(data)
    while True:
        try:
            yield next(events)
        except (StopIteration, yaml.YAMLError, ValueError, OverflowError):
            return


class _Walker:
    """Walks the events of a text that was read before, so it is neither broken nor too deep.

    It stops where nothing is missing any more, so that an early fault in a large file costs little.
    """

    def __init__(self, data: bytes, root: Wanted) -> None:
        self._events = _until_broken(data)
        self._root = root
        self._missing = set(_nodes(root))
        self._anchors: Dict[str, Place] = {}
        self._words: Dict[str, str] = {}
        self._room = MAX_KEPT

    def walk(self) -> Place:
        """The place of the root value."""
        for event in self._events:
            if _kind(event) in _BEGINNINGS:
                return self._place(event, event.start_mark.index, self._root)
        return Place(0, 0, 0, None, {})

    def _place(self, event: Any, key_start: int, want: Optional[Wanted]) -> Place:
        start, end = event.start_mark.index, event.end_mark.index
        kind, anchor = _kind(event), event.anchor
        if kind is AliasEvent:
            target = self._anchors.get(anchor)
            self._missing -= set(_nodes(want)) if want else set()
            return Place(start, end, key_start, None, target.parts if target else {})
        if kind is ScalarEvent:
            place = Place(start, end, key_start, event.style or "", _NO_PARTS)
            self._missing.discard(id(want))
            self._remember(event)
        else:
            place = Place(start, end, key_start, None, {})
            keep = _EVERYTHING if anchor is not None else want
            self._missing.discard(id(want))
            if not self._missing:
                return place
            if keep is None or self._room <= 0:
                self._skip()
            elif kind is MappingStartEvent:
                self._fill_mapping(place.parts, keep)
            else:
                self._fill_list(place.parts, keep)
        if anchor is not None:
            self._anchors[anchor] = place
        return place

    def _fill_mapping(self, parts: Dict[Union[str, int], Any], want: Wanted) -> None:
        merges: List[Place] = []
        for key in self._events:
            kind = _kind(key)
            if kind is MappingEndEvent:
                break
            self._remember(key)
            name = self._words.get(key.anchor, "") if kind is AliasEvent else key.value
            is_merge = name == _MERGE and kind is ScalarEvent and key.implicit[0]
            child = _EVERYTHING if is_merge or want.everything else want.parts.get(name)
            value = next(self._events, key)
            if child is None and value.anchor is None:
                self._pass(value)
                continue
            place = self._place(value, key.start_mark.index, child)
            if is_merge:
                merges.append(place)
            elif child is not None:
                self._room -= 1
                parts[name] = place
                if not self._missing:
                    break
        for source in [inner for place in merges for inner in _sources(place)]:
            for name, place in source.parts.items():
                parts.setdefault(name, place)

    def _fill_list(self, parts: Dict[Union[str, int], Any], want: Wanted) -> None:
        for number, event in enumerate(self._events):
            if _kind(event) is SequenceEndEvent:
                break
            child = _EVERYTHING if want.everything else want.parts.get(number)
            if child is None and event.anchor is None:
                self._pass(event)
                continue
            place = self._place(event, event.start_mark.index, child)
            if child is not None:
                self._room -= 1
                parts[number] = place
                if not self._missing:
                    break

    def _pass(self, event: Any) -> None:
        if _kind(event) in _STARTS:
            self._skip()

    def _skip(self) -> None:
        """Passes over what is left of a collection; anchored values in it are kept for aliases."""
        depth = 1
        for event in self._events:
            kind = _kind(event)
            if kind in _ENDS:
                depth -= 1
                if not depth:
                    return
            elif kind in _BEGINNINGS and event.anchor is not None:
                self._place(event, event.start_mark.index, None)
            elif kind in _STARTS:
                depth += 1

    def _remember(self, event: Any) -> None:
        """Keeps the word that an anchor names: an alias may stand for a key."""
        if event.anchor is not None and _kind(event) is ScalarEvent:
            self._words[event.anchor] = event.value


def _nodes(want: Wanted) -> Iterator[int]:
    """The identity of every part of a tree."""
    waiting = [want]
    while waiting:
        node = waiting.pop()
        yield id(node)
        waiting.extend(node.parts.values())


def _kind(event: Any) -> type:
    kind: type = event.__class__
    return kind


def _sources(merged: Place) -> List[Place]:
    """The mappings that `<<` names: one, or the items of a list."""
    items = [merged.parts[key] for key in merged.parts if isinstance(key, int)]
    return items or [merged]
