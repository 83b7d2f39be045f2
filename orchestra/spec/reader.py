"""Builds data from parser events in one pass, with every guard before anything recursive.

Only dicts, lists, text, numbers, bools and None come out: no tag is obeyed, no object is made.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from itertools import islice
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from orchestra.spec.events import Blemish, UnreadableError, blemish_of, parse
from orchestra.spec.scalars import AFTER_NUMBERS, MERGE, WORDS, number_or_text, text_of
from orchestra.spec.syntax import QUOTE_TAG
from orchestra.spec.wording import shortened

MAX_DEPTH = 64
"""How deep mappings and lists may be nested, aliases followed."""

MAX_EVENTS = 1_500_000
"""How many keys, values, begins and ends of collections a file may have."""

MAX_BLEMISHES = 1000
_TOO_DEEP = "values are nested deeper than %d levels here" % MAX_DEPTH

_YAML_TAG = "tag:yaml.org,2002:"
_NO_KEY = object()
_OPEN = object()


class Reading(NamedTuple):
    """What a file holds; `whole` is False where reading had to stop at the last blemish."""

    root: Any
    blemishes: Tuple[Blemish, ...]
    whole: bool


class _Size(NamedTuple):
    nodes: int
    height: int


def read(data: bytes, pure: bool = False) -> Reading:
    """The data in a YAML text; `pure` reads it by PyYAML's parser in Python.

    Faults that leave the rest readable (twin keys, tags, keys that are no text) are collected.
    """
    reader = _Reader(data)
    try:
        with collection_paused():
            return Reading(reader.build(pure), tuple(reader.blemishes), True)
    except UnreadableError as stop:
        return Reading(None, (*reader.blemishes, stop.blemish), False)
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        return Reading(None, (*reader.blemishes, blemish_of(error, data)), False)


@contextmanager
def collection_paused() -> Iterator[None]:
    """Keeps the cyclic garbage collector off while much is built and nothing thrown away."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.blemishes: List[Blemish] = []
        self._anchors: Dict[str, Any] = {}
        self._sizes: Dict[int, _Size] = {}
        self._merge_events: Dict[int, Any] = {}
        self._aliased = 0
        self._most_aliased = min(100_000 + len(data) // 2, 2_000_000)

    def build(self, pure: bool) -> Any:
        """The root value, None for an empty file. One loop: a call per event would double its time.

        `mapping` is the mapping being filled and None inside a list, whose `append` is at hand.
        """
        roots: List[Any] = []
        append = roots.append
        mapping: Optional[Dict[Any, Any]] = None
        key: Any = _NO_KEY
        stack: List[Any] = []
        new_by_start: Dict[type, Any] = {MappingStartEvent: dict, SequenceStartEvent: list}
        event: Any = None
        for event in islice(parse(self._data, pure), MAX_EVENTS):
            kind = event.__class__
            if kind is ScalarEvent:
                value = event.value
                if value < AFTER_NUMBERS:
                    if event.implicit[0]:
                        value = number_or_text(value)
                elif value in WORDS and event.implicit[0]:
                    value = WORDS[value]
                    if value is MERGE and (mapping is None or key is not _NO_KEY):
                        value = "<<"
                if event.anchor is not None or event.tag is not None:
                    self._mark(event, value)
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                if mapping is not None and MERGE in mapping:
                    self._merge(mapping)
                mapping, append, anchor, value = stack.pop()
                if anchor is not None:
                    self._anchors[anchor] = value
                continue
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                if event.tag is not None or event.anchor is not None:
                    self._mark(event, _OPEN)
                if len(stack) >= MAX_DEPTH or (mapping is not None and key is _NO_KEY):
                    self._refuse_start(event, len(stack))
                value = new_by_start[kind]()
                if mapping is None:
                    append(value)
                else:
                    mapping[key] = value
                    key = _NO_KEY
                stack.append((mapping, append, event.anchor, value))
                if kind is MappingStartEvent:
                    mapping = value
                else:
                    mapping = None
                    append = value.append
                continue
            elif kind is AliasEvent:
                value = self._alias(event, len(stack))
            else:
                self._check_document(event, roots)
                continue
            if mapping is None:
                append(value)
            elif key is not _NO_KEY:
                mapping[key] = value
                key = _NO_KEY
            else:
                key = value if value.__class__ is str else self._odd_key(event, value, mapping)
                if key in mapping:
                    self._twin(event, key)
        if not isinstance(event, StreamEndEvent):
            raise UnreadableError(_blemish(event, "too-large", "there are too many values to read"))
        return roots[0] if roots else None

    def _note(self, event: Any, code: str, message: str, suggestion: str = "") -> None:
        if len(self.blemishes) < MAX_BLEMISHES:
            self.blemishes.append(_blemish(event, code, message, suggestion))

    def _twin(self, event: Any, key: Any) -> None:
        if len(self.blemishes) >= MAX_BLEMISHES:
            return
        hint = "merge several by a list: `<<: [*a, *b]`" if key is MERGE else "take one out"
        self._note(event, "duplicate-key", "the key `%s` is given twice" % _show(key), hint)

    def _mark(self, event: Any, value: Any) -> None:
        """Remembers what an anchor names, refuses a tag."""
        if event.anchor is not None:
            self._anchors[event.anchor] = value
        if event.tag is not None:
            tag = event.tag.replace(_YAML_TAG, "!!")
            self._note(
                event,
                "tag",
                "tags such as `%s` are not used in workflow files" % _show(tag),
                QUOTE_TAG,
            )

    def _alias(self, event: Any, depth: int) -> Any:
        value = self._anchors.get(event.anchor, _NO_KEY)
        name = _show(event.anchor)
        if value is _NO_KEY:
            message = "no anchor `&%s` stands above" % name
            hint = "put a text that begins with `*` in quotes"
            raise UnreadableError(_blemish(event, "unknown-anchor", message, hint))
        if value is _OPEN:
            raise UnreadableError(_blemish(event, "self-alias", "`*%s` would hold itself" % name))
        size = self._size(value)
        self._aliased += size.nodes
        if self._aliased > self._most_aliased:
            message = "aliases make this file too large: `*%s` and those before it" % name
            raise UnreadableError(_blemish(event, "alias-bomb", message))
        if depth + size.height > MAX_DEPTH:
            raise UnreadableError(_blemish(event, "too-deep", _TOO_DEEP))
        return value

    def _size(self, value: Any) -> _Size:
        """How many values stand in an anchored value, and how deep, each aliased part counted."""
        if value.__class__ is not dict and value.__class__ is not list:
            return _Size(1, 0)
        known = self._sizes.get(id(value))
        if known is not None:
            return known
        nodes = height = 0
        waiting = [(value, 1)]
        while waiting and self._aliased + nodes <= self._most_aliased:
            inner, depth = waiting.pop()
            size = self._sizes.get(id(inner))
            if size is not None:
                nodes += size.nodes
                height = max(height, depth - 1 + size.height)
                continue
            nodes += 1 + len(inner)
            height = max(height, depth)
            parts = inner.values() if inner.__class__ is dict else inner
            waiting.extend((p, depth + 1) for p in parts if p.__class__ in (dict, list))
        self._sizes[id(value)] = _Size(nodes, height)
        return self._sizes[id(value)]

    def _merge(self, mapping: Dict[Any, Any]) -> None:
        """Puts what `<<` names before the mapping's own keys, which win; earlier sources win."""
        given = mapping.pop(MERGE)
        event = self._merge_events.pop(id(mapping))
        own = dict(mapping)
        merged: Dict[Any, Any] = {}
        for source in given if isinstance(given, list) else [given]:
            if isinstance(source, dict):
                for key, value in source.items():
                    merged.setdefault(key, value)
            else:
                message = "`<<` merges mappings, and this is none"
                self._note(event, "merge", message, "name an anchored mapping: `<<: *name`")
        mapping.clear()
        mapping.update(merged)
        mapping.update(own)

    def _odd_key(self, event: Any, value: Any, mapping: Dict[Any, Any]) -> Any:
        if value is MERGE:
            self._merge_events[id(mapping)] = event
            return value
        if value.__class__ in (dict, list):
            self._refuse_start(event, 0)
        source = getattr(event, "value", None) or ("null" if value is None else text_of(value))
        self._note(
            event,
            "key-type",
            "keys are text, and `%s` is not" % _show(source),
            'write it in quotes: "%s"' % _show(source),
        )
        return source

    def _refuse_start(self, event: Any, depth: int) -> None:
        if depth >= MAX_DEPTH:
            raise UnreadableError(_blemish(event, "too-deep", _TOO_DEEP))
        message = "a mapping or list cannot be a key"
        hint = "put a text that begins with `{` or `[` in quotes; an expression is `${{ … }}`"
        raise UnreadableError(_blemish(event, "key-type", message, hint))

    def _check_document(self, event: Any, roots: List[Any]) -> None:
        if isinstance(event, DocumentStartEvent) and roots:
            message = "a workflow file holds one document, and here begins a second one"
            raise UnreadableError(
                _blemish(event, "second-document", message, "make it a file of its own")
            )


def _blemish(event: Any, code: str, message: str, suggestion: str = "") -> Blemish:
    return Blemish(event.start_mark.index, code, message, suggestion)


def _show(text: Any) -> str:
    return shortened("<<" if text is MERGE else str(text))
