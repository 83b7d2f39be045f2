"""Telling the memory of a child from our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestra.executors.peak import OwnPeak


@pytest.mark.parametrize(("child_kib", "hidden"), [(30_000, True), (43_000, True), (60_000, False)])
def test_only_what_is_above_our_own_peak_is_the_childs(
    tmp_path: Path, child_kib: int, hidden: bool
) -> None:
    status = tmp_path / "status"
    status.write_text("Name:\tx\nVmPeak:\t 90000 kB\nVmHWM:\t   40000 kB\nVmRSS:\t 10 kB\n")

    assert OwnPeak(str(status)).hides(child_kib) is hidden


def test_a_peak_of_ours_that_has_grown_since_hides_more(tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text("VmHWM:\t   40000 kB\n")
    peak = OwnPeak(str(status))

    before = peak.hides(60_000)
    status.write_text("VmHWM:\t   70000 kB\n")

    assert (before, peak.hides(60_000)) == (False, True)


@pytest.mark.parametrize("text", ["", "Name:\tx\n", "VmHWM:"])
def test_where_our_own_peak_is_not_told_it_hides_everything(tmp_path: Path, text: str) -> None:
    (tmp_path / "status").write_text(text)

    assert OwnPeak(str(tmp_path / "status")).hides(2**40)
    assert OwnPeak(str(tmp_path / "missing")).hides(2**40)
