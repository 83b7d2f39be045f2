"""What lints find in a workflow that stands in a test."""

from __future__ import annotations

from typing import List, Sequence, Tuple

from orchestra.cli import prepare
from orchestra.errors import Fault
from orchestra.lints.catalogue import choose, lint


def faults(
    text: str, select: Sequence[str] = (), ignore: Sequence[str] = (), in_ci: bool = False
) -> Tuple[Fault, ...]:
    """All that a file without errors is warned of."""
    found = prepare.read("/etc/flow.yaml", text.encode())
    return lint(found.loaded, found.graph, found.warnings, choose(select, ignore, in_ci))


def lints(text: str, *select: str) -> List[str]:
    """The code and the line of each, without the warnings that are no lints."""
    return ["%s:%d" % (f.code, f.line) for f in faults(text, select) if f.name or not select]
