"""Step ids made of any texts: safe, short, no two alike. Pure."""

from __future__ import annotations

import re
from typing import Dict, List, Sequence, Set

_LONGEST = 64
_LONGEST_STEM = 56  # leaves room for a number
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,%d}" % (_LONGEST - 1))
_ODD = re.compile(r"[^A-Za-z0-9_-]+")


def step_ids(texts: Sequence[str]) -> List[str]:
    """An id for each text, in order: the text itself where it is an id and stands there first.

    Elsewhere what no id may hold becomes `_`, and a number at the end tells it from the others.
    """
    taken = {text for text in texts if _ID.fullmatch(text)}
    given: Set[str] = set()
    # one count for all that begin alike: hostile texts would make one count each quadratic
    count_by_stem: Dict[str, int] = {}
    ids = []
    for text in texts:
        id = text
        if text not in taken or text in given:
            id = _safe(text)
            stem = id[:_LONGEST_STEM]
            while id in taken:
                count_by_stem[stem] = count_by_stem.get(stem, 1) + 1
                id = "%s_%d" % (stem, count_by_stem[stem])
            taken.add(id)
        given.add(id)
        ids.append(id)
    return ids


def _safe(text: str) -> str:
    word = _ODD.sub("_", text[-_LONGEST:])  # what tells texts apart stands at the end
    return word if _ID.fullmatch(word) else "_" + word[1 - _LONGEST :]
