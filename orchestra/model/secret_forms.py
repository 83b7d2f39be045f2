"""The forms in which a secret may be written: as it is, encoded, escaped. Pure."""

from __future__ import annotations

import base64
import json
import re
from typing import Dict, Iterable, List, Set
from urllib.parse import quote, quote_plus

from orchestra.model.masking import Needles

SHORTEST_BYTES = 4
"""A secret, or a line of one, that is shorter would mask half of an output."""

_SHORTEST_PROBE = 6
_RUN = re.compile(rb"[A-Za-z0-9]+")
_COLUMNS = (76, 64)
"""How wide `base64` and MIME, and `openssl` and PEM, make their lines."""

_UNQUOTED_IN_BROWSERS = "!~*'()"
"""Source: ECMAScript, encodeURIComponent."""

_ESCAPED_IN_HTML = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
"""Source: package encoding/json of Go, HTMLEscape."""

_STARTS = (0, 2, 3)
"""The first character of base64 that is made of nothing but the secret, by bytes before it."""


def needles_of(values: Iterable[str]) -> List[Needles]:
    """What to look for, so that none of the values is shown in any of its forms.

    These are the value and each of its lines, with and without the blanks around them, also as
    JSON and URLs escape them; and the value in base64, wherever it stands in what was encoded,
    less the characters at its edges that it shares with its neighbours.
    """
    known: Set[bytes] = set()
    needles: List[Needles] = []
    for value in values:
        texts = dict.fromkeys((value, value.strip()))
        groups = [_escaped(text) for text in texts]
        groups += [_escaped(line) for line in _lines(value)]
        groups += [_base64(text, before) for text in texts for before in range(len(_STARTS))]
        for group in groups:
            new = [form for form in group if form not in known]
            known.update(new)
            needles += _grouped(new)
    return needles


def raw_of(value: str) -> bytes:
    """The bytes of a value, as a process is given them."""
    return value.encode("utf-8", "surrogateescape")


def _lines(value: str) -> List[str]:
    lines = [line.rstrip("\r") for line in value.split("\n")]
    if len(lines) == 1:
        return []
    texts = dict.fromkeys(text for line in lines for text in (line, line.strip()))
    return [text for text in texts if text.strip() and len(raw_of(text)) >= SHORTEST_BYTES]


def _escaped(text: str) -> List[bytes]:
    """The text as it is, in JSON and in URLs; each form once."""
    raw = raw_of(text)
    shown = json.dumps(text, ensure_ascii=False)[1:-1]
    html = "".join(_ESCAPED_IN_HTML.get(sign, sign) for sign in shown)
    forms: Dict[bytes, None] = {raw: None}
    forms[json.dumps(text)[1:-1].encode("ascii")] = None
    forms[raw_of(shown)] = None
    forms[raw_of(html)] = None
    for safe in ("", "/", _UNQUOTED_IN_BROWSERS):
        forms[quote(raw, safe=safe).encode("ascii")] = None
    forms[quote_plus(raw).encode("ascii")] = None
    return list(forms)


def _base64(text: str, before: int) -> List[bytes]:
    """The text in base64 behind so many other bytes, modulo 3; in one line and in several."""
    raw = raw_of(text)
    encoded = base64.b64encode(bytes(before) + raw)
    plain = encoded[_STARTS[before] : (before + len(raw)) * 8 // 6]
    forms = {plain: None, plain.translate(_TO_URL_SAFE): None}
    if not before:
        for width in _COLUMNS:
            lines = [plain[start : start + width] for start in range(0, len(plain), width)]
            forms[b"\n".join(lines)] = None
    return list(forms)


_TO_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def _grouped(forms: List[bytes]) -> List[Needles]:
    """The forms over one probe, if they have enough in common."""
    runs = {run for form in forms for run in _RUN.findall(form)}
    shared = [run for run in runs if all(run in form for form in forms)]
    probe = max(shared, key=len, default=b"")
    if len(forms) > 1 and len(probe) >= _SHORTEST_PROBE:
        return [Needles(probe, tuple(forms))]
    return [Needles(form, (form,)) for form in forms]
