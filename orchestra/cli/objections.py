"""What an engine has against a plan, in words: which step, where it stands, what would do."""

from __future__ import annotations

from typing import List, Optional, Sequence

from orchestra.errors import PathParts
from orchestra.executors.places import Objection
from orchestra.spec.document import Document, read_document

_SHOWN = 3
_HERE = "--executor local runs it here"


def sentence_of(
    objections: Sequence[Objection], steps: Sequence[Sequence[str]], path: str, source: bytes
) -> str:
    """All of them; `steps` are the ids of the steps of each errand, `source` is their file's."""
    document: Optional[Document] = None
    said: List[str] = []
    for text, places, _ in objections:
        ids = [id for place in places for id in steps[place]]
        if ids:
            document = document or read_document(path, source)
            text = "%s: %s" % (_named(ids, document), text)
        said.append(text)
    return "; ".join(said)


def hint_of(objections: Sequence[Objection]) -> str:
    """What to do; another executor only where no mistake of the file stands in the way."""
    hints = [objection.hint for objection in objections if objection.hint is not None]
    return next(filter(None, hints), "") if hints else _HERE


def _named(ids: Sequence[str], document: Document) -> str:
    """As in: steps `a` (line 7), `b` (line 9) and 3 more."""
    shown = ", ".join("`%s`%s" % (id, _line(id, document)) for id in ids[:_SHOWN])
    more = " and %d more" % (len(ids) - _SHOWN) if len(ids) > _SHOWN else ""
    return "%s %s%s" % ("step" if len(ids) == 1 else "steps", shown, more)


def _line(id: str, document: Document) -> str:
    """Where a step stands; empty where it is not in the document: `a/b` is `b` in `a`."""
    path: PathParts = tuple(part for name in id.split("/") for part in ("steps", name))
    value = document.root
    for part in path:
        if not isinstance(value, dict) or part not in value:
            return ""
        value = value[part]
    return " (line %d)" % document.position(path, on_key=True)[0]
