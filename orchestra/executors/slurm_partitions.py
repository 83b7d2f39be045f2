"""The partitions of a cluster, as `scontrol -o show partition` tells of them. Pure."""

from __future__ import annotations

import re
from typing import List, Mapping, NamedTuple, Optional, Sequence

from orchestra.model.expression import Value
from orchestra.model.units import format_duration

_LIMIT = re.compile(r"(?:(\d+)-)?(\d+):(\d+):(\d+)")
_OWN_WORDS = re.compile(r"-[pqt]|--(partition|qos|time)\b")


class Partition(NamedTuple):
    """One of them; jobs may take `most_s` there, as long as they like where that is None."""

    name: str
    is_default: bool
    most_s: Optional[int]


def partitions_in(text: str) -> List[Partition]:
    """All of them, in their order."""
    found: List[Partition] = []
    for line in text.splitlines():
        fields = dict(word.split("=", 1) for word in line.split() if "=" in word)
        if "PartitionName" in fields:
            is_default = fields.get("Default") == "YES"
            most_s = _seconds(fields.get("MaxTime", ""))
            found.append(Partition(fields["PartitionName"], is_default, most_s))
    return found


def too_long(
    partitions: Sequence[Partition], chosen: Mapping[str, Value], options: Sequence[str]
) -> str:
    """Why no partition that is `chosen` lets a job take the time in its options; else empty.

    Nothing is said where a QOS or further options may say otherwise.
    """
    times = [int(word.partition("=")[2]) for word in options if word.startswith("--time=")]
    extra = chosen.get("extra")
    further = extra if isinstance(extra, (list, tuple)) else ()
    if not times or chosen.get("qos") or any(_OWN_WORDS.match(str(each)) for each in further):
        return ""
    named = [name for name in str(chosen.get("partition") or "").split(",") if name]
    meant = [each for each in partitions if (each.name in named if named else each.is_default)]
    limits = [each.most_s for each in meant if each.most_s is not None]
    wanted_s = times[0] * 60
    if not limits or len(limits) < len(meant) or wanted_s <= max(limits):
        return ""
    names = ", ".join("`%s`" % each.name for each in meant)
    return "it asks for %s, and partition %s allows no more than %s" % (
        format_duration(wanted_s), names, format_duration(max(limits)),
    )  # fmt: skip


def _seconds(limit: str) -> Optional[int]:
    """Of `1-02:30:00`; None for what is none, such as `UNLIMITED`."""
    found = _LIMIT.fullmatch(limit)
    if found is None:
        return None
    days, hours, minutes, seconds = (int(each or 0) for each in found.groups())
    return days * 86400 + hours * 3600 + minutes * 60 + seconds
