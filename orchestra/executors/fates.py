"""What an end record and an engine's word together say of how an attempt ended. Pure."""

from __future__ import annotations

from typing import Any, Dict, Optional

from orchestra.executors.errands import EndRecord
from orchestra.executors.places import Fate, Gone
from orchestra.model.errand import Errand
from orchestra.model.run import Outcome

Fields = Dict[str, Any]
"""Some of those of `Ended`, by name."""

WORDLESS = frozenset((Fate.ENDED, Fate.UNKNOWN, Fate.NOT_LAUNCHED))
"""What an engine says that finds a job without its folder, be it before its start or after."""

_LOST = frozenset((Fate.NODE_FAILED, Fate.PREEMPTED))


def is_settled(record: EndRecord, gone: Optional[Gone], stopped: bool) -> bool:
    """Whether a record alone is enough; else the engine may know who was behind a failure."""
    return record.exit_code == 0 or bool(record.refusal) or stopped or gone is not None


def recorded(record: EndRecord, gone: Optional[Gone], errand: Errand, stopped: bool) -> Fields:
    """How it ended, as its script wrote it down; whether it was `stopped` by orchestra."""
    fields: Fields = {"cpu_s": record.cpu_s, **_measured(gone)}
    if record.refusal:
        return {"refusal": record.refusal}
    fields["exit_code"], fields["signal"] = record.exit_code, record.signal
    if gone is None or stopped or record.exit_code == 0:
        return fields
    return {**fields, **_word(gone, errand)}


def unrecorded(gone: Gone, errand: Errand) -> Optional[Fields]:
    """How it ended, of which there is no record; None where the engine's word says nothing."""
    word = _word(gone, errand)
    return {**_measured(gone), **word} if word else None


def removed(folder: str) -> Fields:
    """How an attempt ended whose folder was removed under it: it may have done all of its work."""
    reason = "its folder was removed while it was under way, how it ended is not known: %s"
    return {"outcome": Outcome.FAILED.value, "reason": reason % folder}


def is_lost(gone: Gone) -> bool:
    """Whether an attempt without a record is over for a reason that is not its own."""
    return gone.fate in _LOST


def _word(gone: Gone, errand: Errand) -> Fields:
    if gone.fate is Fate.OUT_OF_MEMORY:
        limit = errand.memory_bytes or gone.max_rss_bytes or 0
        return {"exit_code": None, "signal": "SIGKILL", "memory_limit_bytes": limit}
    if gone.fate is Fate.TIME_LIMIT:
        reason = gone.reason or "the time limit of %s" % errand.executor
        return {"outcome": Outcome.TIMED_OUT.value, "reason": reason}
    if gone.fate is Fate.CANCELLED:
        reason = gone.reason or "cancelled in %s" % errand.executor
        return {"outcome": Outcome.FAILED.value, "reason": reason}
    if gone.fate is Fate.NOT_LAUNCHED:
        return {"refusal": gone.reason or "%s did not start it" % errand.executor}
    return {}


def _measured(gone: Optional[Gone]) -> Fields:
    if gone is None:
        return {}
    found = {"max_rss_bytes": gone.max_rss_bytes, "cpu_s": gone.cpu_s}
    return {name: value for name, value in found.items() if value is not None}
