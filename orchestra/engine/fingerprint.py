"""What a cached step's success depended on, as a digest, and in words what changed since. Pure.

A part is a digest under the name of what it is of: `file clean.py`, `env MODE`, `value params.n`,
`key`. Two successes with the same parts have the same fingerprint.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, List, Mapping

from orchestra.model.expression import Value

if TYPE_CHECKING:
    from hashlib import blake2b

MISSING = "missing"
"""Stands for the digest of a file that is not there."""

_SHOWN = 3
_DIGEST_BYTES = 16
_WORDS = {
    "body": "its body",
    "shell": "its shell",
    "working_dir": "its working_dir",
    "key": "its cache key",
    "outputs": "its cache outputs",
    "declared": "what it declares as outputs",
    "codes": "its success codes",
}


def fingerprint_of(parts: Mapping[str, str]) -> str:
    """The digest of all parts, whatever their order."""
    return digest_of_text(json.dumps(parts, sort_keys=True))


def digest_of_value(value: Value) -> str:
    """The digest of a value as text shows it; mappings that make their entries when asked are
    read whole.
    """
    return digest_of_text(json.dumps(_shown(value), default=dict))


def _shown(value: Value) -> Value:
    """The same, numbers as they were written: `1.50` is not `1.5`."""
    if isinstance(value, Mapping):
        return {key: _shown(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shown(part) for part in value]
    if isinstance(value, (int, float)) and hasattr(value, "source"):
        return [value.source]
    return value


def digest_of_text(text: str) -> str:
    """The digest of a text, 32 hexadecimal digits."""
    digest = new_digest()
    digest.update(text.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def new_digest() -> blake2b:
    """A digest of the same kind, to be fed."""
    import hashlib  # OpenSSL comes with it: 4 ms, of which a plan has no use

    return hashlib.blake2b(digest_size=_DIGEST_BYTES)


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """What is different, in words: `clean.py` changed, `b.csv` is new and 2 more."""
    words = list(dict.fromkeys(_change(name, before, now) for name in _different(before, now)))
    more = len(words) - _SHOWN
    return ", ".join(words[:_SHOWN]) + (" and %d more" % more if more > 0 else "")


def _different(before: Mapping[str, str], now: Mapping[str, str]) -> List[str]:
    """The names of parts that differ, in their order now, then those that are gone."""
    names = [name for name, digest in now.items() if before.get(name) != digest]
    return names + [name for name in before if name not in now]


def _change(name: str, before: Mapping[str, str], now: Mapping[str, str]) -> str:
    kind, _, rest = name.partition(" ")
    what = "`%s`" % rest if rest else _WORDS.get(kind, "its %s" % kind)
    if kind in ("env", "variable"):
        what = "env %s" % what
    is_file = kind == "file"
    if before.get(name, MISSING if is_file else None) == (MISSING if is_file else None):
        return "%s is new" % what
    if now.get(name, MISSING if is_file else None) == (MISSING if is_file else None):
        return "%s is gone" % what
    return "%s changed" % what
