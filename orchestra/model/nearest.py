"""The nearest name to a wrong one. Pure; the work for one wrong name is bounded."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Iterable, List, Optional, Tuple

_CANDIDATES = 500
_LIKENESS = 0.7


def nearest(wrong: str, names: Iterable[str]) -> Optional[str]:
    """The name most like `wrong`, None if none is much like it.

    Looks at names that begin alike or are about as long, and at no more than a bounded number.
    """
    best: Tuple[float, str] = (_LIKENESS, "")
    folded = wrong.casefold().replace("-", "_")
    if len(folded) > 200:
        return None
    letters = sorted(folded)
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(folded)
    for name in _likely(folded, names):
        if sorted(name.casefold()) == letters:
            return name
        matcher.set_seq1(name.casefold().replace("-", "_"))
        if matcher.real_quick_ratio() > best[0] and matcher.quick_ratio() > best[0]:
            best = max(best, (matcher.ratio(), name), key=_ratio)
    return best[1] or None


def did_you_mean(wrong: str, names: Iterable[str]) -> str:
    """`did you mean X?`, or nothing."""
    name = nearest(wrong, names)
    return "did you mean `%s`?" % name if name else ""


def _ratio(pair: Tuple[float, str]) -> float:
    return pair[0]


def _likely(wrong: str, names: Iterable[str]) -> List[str]:
    fitting = [name for name in names if abs(len(name) - len(wrong)) <= max(2, len(wrong) // 3)]
    if len(fitting) > _CANDIDATES:
        alike = [n for n in fitting if n[:2].casefold() == wrong[:2] or n[-3:] == wrong[-3:]]
        fitting = alike[:_CANDIDATES] or fitting[:_CANDIDATES]
    return fitting
