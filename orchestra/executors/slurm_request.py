"""What an attempt asks for, in the options of sbatch. Pure."""

from __future__ import annotations

import math
from typing import Collection, List, Mapping, Tuple

from orchestra.model.errand import Errand
from orchestra.model.expression import Value

_MEBIBYTE = 1024 * 1024
# The step's own limit ends it first, so that it is told as what it is.
_MARGIN_S = 60.0


def options_of(
    errand: Errand, settings: Mapping[str, Value], licenses: Collection[str]
) -> Tuple[str, ...]:
    """The options that all attempts share which ask for the same.

    The errand's own settings go before the others, `time` is in seconds; `licenses` are the names
    that the cluster has.
    """
    chosen = {**settings, **errand.settings}
    options: List[str] = []
    extra = chosen.get("extra")
    if isinstance(extra, (list, tuple)):
        options.extend(str(each) for each in extra)
    for key in ("partition", "account", "qos"):
        if chosen.get(key):
            options.append("--%s=%s" % (key, chosen[key]))
    options.append("--cpus-per-task=%d" % max(1, math.ceil(errand.cpu / 1000)))
    if errand.memory_bytes is not None:
        options.append("--mem=%dM" % max(1, math.ceil(errand.memory_bytes / _MEBIBYTE)))
    if errand.gpus:
        options.append("--gres=gpu:%d" % errand.gpus)
    held = ["%s:%d" % pair for pair in sorted(errand.named.items()) if pair[0] in licenses]
    if held:
        options.append("--licenses=" + ",".join(held))
    limit_s = chosen.get("time")
    if limit_s is None and errand.limit_s is not None:
        limit_s = errand.limit_s + _MARGIN_S
    if isinstance(limit_s, (int, float)):
        options.append("--time=%d" % math.ceil(limit_s / 60))  # a number is for minutes
    return tuple(options)
