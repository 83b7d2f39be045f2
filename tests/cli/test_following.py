"""How the logs of several attempts are told apart."""

from __future__ import annotations

from pathlib import Path
from typing import List

from orchestra.cli.following import LogPrinter
from orchestra.model.run import AttemptKey


def test_the_heading_of_a_log_names_the_other_machine_that_it_came_from(tmp_path: Path) -> None:
    written: List[bytes] = []
    (tmp_path / "logs").mkdir()
    for number in (1, 2):
        (tmp_path / AttemptKey("a", number).log).write_bytes(b"%d\n" % number)
    printer = LogPrinter(str(tmp_path), written.append, safe=False, headings=True)
    printer.print_new(AttemptKey("a", 1), "n\x1b1")
    printer.print_new(AttemptKey("a", 2))
    told = b"".join(written)
    assert told == b"==> a (attempt 1 on n\\e1) <==\n1\n==> a (attempt 2) <==\n2\n"
