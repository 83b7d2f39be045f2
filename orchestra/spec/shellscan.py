"""Where values stand in a script for sh or bash, and how each is handed over. Pure; runs nothing.

A value never becomes shell text: at each place of an expression it is decided how a variable is
referred to there, or the place is refused with what to write instead.
"""

from __future__ import annotations

from typing import Dict, Iterable, List, NamedTuple, Optional, Tuple, Union

from orchestra.errors import Problem
from orchestra.model.expression import ExpressionError, Span, scan_text
from orchestra.model.workflow import Shell, Slot
from orchestra.spec import shellrefusals as no
from orchestra.spec.shellbuiltins import check_builtins
from orchestra.spec.shelllexer import ShellLexer
from orchestra.spec.shellreader import VALUE, Lost, Verdict
from orchestra.spec.shellrefusals import Refusal
from orchestra.spec.shellwarn import doubts_of

_OPEN = "${{"


class ScanResult(NamedTuple):
    """The pieces of a script, ready for `ShellScript` where there are no problems.

    `problems` and `warnings` have no path yet; their offsets count into the text.
    """

    pieces: Tuple[Union[str, Slot], ...]
    problems: Tuple[Problem, ...] = ()
    warnings: Tuple[Problem, ...] = ()


def scan(text: str, shell: Shell) -> ScanResult:
    """The pieces of a script, and each place in it where a value may not stand, in order."""
    if "\0" in text:
        return ScanResult((text,), (_problem(no.NUL, text.index("\0")),))
    if _OPEN not in text:
        return ScanResult((text,))
    try:
        spans = scan_text(text)
    except ExpressionError as fault:
        problem = Problem((), "expression", fault.message, fault.hint, offset=fault.offset)
        return ScanResult((text,), (problem,))
    values = [span for span in spans if span.expression is not None]
    if values and not isinstance(shell, str):
        return ScanResult((text,), tuple(_problem(no.CUSTOM_SHELL, span.start) for span in values))
    if not values:
        return ScanResult(_pieces(text, spans, {}))
    return _scan_values(text, spans, values, shell == "bash")


def _scan_values(text: str, spans: List[Span], values: List[Span], bash: bool) -> ScanResult:
    lexer = ShellLexer(_readable(text, spans), bash)
    lost: Optional[Lost] = None
    try:
        lexer.read()
    except Lost as found:
        lost = found
    check_builtins(lexer)
    places = [offset for offset, char in enumerate(lexer.text) if char == VALUE]
    lost = lost or Lost(len(lexer.text), "it was passed over")
    unsure = no.unsure(lost.reason, lexer.text.count("\n", 0, lost.seen) + 1, lost.bash_reads)
    verdicts = {
        span.start: _verdict(lexer, place, text[span.start : span.end], unsure, lost.offset)
        for span, place in zip(values, places)
    }
    problems = tuple(
        _problem(verdict, start)
        for start, verdict in verdicts.items()
        if isinstance(verdict, Refusal)
    )
    start_by_place = {place: span.start for span, place in zip(values, places)}
    warned = {
        (found.place, found.code): Problem(
            (),
            found.code,
            found.message,
            found.suggestion,
            offset=start_by_place[found.place],
            severity="warning",
        )
        for found in doubts_of(lexer)
    }
    return ScanResult(
        _pieces(text, spans, verdicts), problems, tuple(warned[key] for key in sorted(warned))
    )


def _readable(text: str, spans: Iterable[Span]) -> str:
    """The text for the lexer: a mark for each expression, `${{` for each `$${{`."""
    pieces: List[str] = []
    end = 0
    for span in spans:
        pieces += (text[end : span.start], VALUE if span.expression else _OPEN)
        end = span.end
    return "".join((*pieces, text[end:]))


def _verdict(
    lexer: ShellLexer, place: int, source: str, unsure: Refusal, unsure_from: int
) -> Verdict:
    """What holds for a value; one that the lexer does not know, or cannot stand by, is refused."""
    verdict = lexer.verdicts.get(place, unsure)
    if isinstance(verdict, Refusal):
        return verdict
    if place >= unsure_from:
        return unsure
    return no.COMMENT_LINES if verdict is None and "\n" in source else verdict


def _pieces(
    text: str, spans: Iterable[Span], verdicts: Dict[int, Verdict]
) -> Tuple[Union[str, Slot], ...]:
    """Text and slots in turn; an expression without a slot stays text."""
    pieces: List[Union[str, Slot]] = []
    plain: List[str] = []
    end = 0
    for span in spans:
        plain.append(text[end : span.start])
        end = span.end
        verdict = verdicts.get(span.start)
        if span.expression is None:
            plain.append(_OPEN)
        elif verdict is None or isinstance(verdict, Refusal):
            plain.append(text[span.start : span.end])
        else:
            pieces += ("".join(plain), Slot(span.expression, verdict))
            plain.clear()
    pieces.append("".join((*plain, text[end:])))
    return tuple(piece for piece in pieces if piece)


def _problem(refusal: Refusal, offset: int) -> Problem:
    return Problem((), refusal.code, refusal.message, refusal.suggestion, offset=offset)
