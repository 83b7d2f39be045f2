"""Durations and sizes as authors write them, and as people read them. Pure."""

from __future__ import annotations

import re
from typing import Dict, Mapping

_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+", re.ASCII)
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST_S = 10 * 365 * 86400.0

_SIZE = re.compile(r"(\d+(?:\.\d+)?)(B|kB|KB|MB|GB|TB|PB|KiB|MiB|GiB|TiB|PiB)", re.ASCII)
_BYTES = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "PB": 10**15,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
    "PiB": 2**50,
}
_CPU = re.compile(r"(\d+)m|(\d+(?:\.\d+)?)", re.ASCII)
_LARGEST = 2**62
_MOST_CPU = 10**9
_MOST_DIGITS = 24

SIZED_RESOURCES = frozenset({"memory", "disk", "network"})
"""Resources whose amounts are bytes."""

Amounts = Mapping[str, int]
"""How much of each resource: cpu in thousandths of a core, memory, disk and network in bytes,
gpu in devices, any other name in its own whole units."""


def parse_duration(text: str) -> float:
    """Seconds in `90s`, `0.25s`, `10m`, `1h30m`, `1d`, `500ms`, or `0`.

    Raises:
        ValueError: there is no unit, it is no duration, or it is longer than ten years.
    """
    if text == "0":
        return 0.0
    if not _DURATION.fullmatch(text):
        raise ValueError(text)
    seconds = sum(
        float(number) / 1000 if unit == "ms" else float(number) * _SECONDS[unit]
        for number, unit in _DURATION_PART.findall(text)
    )
    if seconds > _LONGEST_S:
        raise ValueError(text)
    return seconds


def parse_size(text: str) -> int:
    """Bytes in `100B`, `512MiB`, `4GB`, `1.5GiB`, or `0`; broken bytes are rounded.

    Raises:
        ValueError: there is no unit, or it is no size, or beyond 4 EiB.
    """
    if text == "0":
        return 0
    match = _SIZE.fullmatch(text)
    if not match:
        raise ValueError(text)
    size = _times(match.group(1), _BYTES[match.group(2)])
    if size > _LARGEST:
        raise ValueError(text)
    return size


def parse_cpu(text: str) -> int:
    """Thousandths of a core in `2`, `0.5`, `500m`; what is finer is rounded.

    Raises:
        ValueError: it is no number of cores, or more than a million.
    """
    match = _CPU.fullmatch(text)
    if not match:
        raise ValueError(text)
    thousandths, cores = match.groups()
    milli = _times(cores, 1000) if thousandths is None else _times(thousandths, 1)
    if milli > _MOST_CPU:
        raise ValueError(text)
    return milli


def _times(number: str, unit: int) -> int:
    """The number times the unit, exactly, then rounded; never to 0 where the number is more."""
    whole, _, fraction = number.partition(".")
    digits = whole.lstrip("0")
    if len(digits) > _MOST_DIGITS:
        # More than any bound, and reading n digits takes n * n steps.
        return int(10**_MOST_DIGITS)
    fraction = fraction[:_MOST_DIGITS]
    parts = int("0" + digits + fraction) * unit
    scale = 10 ** len(fraction)
    return (2 * parts + scale) // (2 * scale) or min(parts, 1)


def parse_amount(name: str, text: str) -> int:
    """The amount of resource `name` that `text` asks for, in the units of `Amounts`.

    Raises:
        ValueError: the text is no amount of such a resource.
    """
    if name == "cpu":
        return parse_cpu(text)
    if name in SIZED_RESOURCES:
        return parse_size(text)
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise ValueError(text)
    return int(text)


def format_duration(seconds: float) -> str:
    """For people: `0.04s`, `3.2s`, `1m05s`, `2h03m`, `3d04h`."""
    if seconds < 0.995:
        return "%.2fs" % max(seconds, 0.0)
    if seconds < 59.95:
        return "%.1fs" % seconds
    whole = round(seconds)
    if whole < 3600:
        return "%dm%02ds" % divmod(whole, 60)
    if whole < 86400:
        return "%dh%02dm" % divmod(whole // 60, 60)
    return "%dd%02dh" % divmod(whole // 3600, 24)


def format_size(size: int) -> str:
    """For people: `0 B`, `512 B`, `1.5 KiB`, `2 GiB`."""
    amount = float(size)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if round(amount, 1) < 1024:
            return "%s %s" % (_short(amount, 1), unit)
        amount /= 1024
    return "%s PiB" % _short(amount, 1)


def format_amount(name: str, amount: int) -> str:
    """For people: cores as `0.5`, bytes as `2 GiB`, everything else as the whole number."""
    if name == "cpu":
        return _short(amount / 1000, 3)
    if name in SIZED_RESOURCES:
        return format_size(amount)
    return str(amount)


def plain_amounts(amounts: Amounts) -> Dict[str, float]:
    """For programs: cpu in cores, memory, disk and network in bytes, the rest as they are."""
    return {name: (n / 1000 if name == "cpu" else n) for name, n in amounts.items()}


def _short(amount: float, decimals: int) -> str:
    text = "%.*f" % (decimals, amount)
    return text.rstrip("0").rstrip(".")
