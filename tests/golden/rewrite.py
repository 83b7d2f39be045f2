"""Writes every golden file anew: `python -m tests.golden.rewrite`. Look at the difference after."""

from __future__ import annotations

from tests.golden.cases import CASES
from tests.golden.recorded import HERE

if __name__ == "__main__":
    for name, render in CASES.items():
        (HERE / "expected" / name).write_text(render(), "utf-8")
