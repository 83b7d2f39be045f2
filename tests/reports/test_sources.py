"""The files of the workspace to which a log may point."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import pytest

from orchestra.model.source_place import Place
from orchestra.reports.sources import Sources
from tests.subscribers.stories import MadeLogs


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("top.py", "top.py"),
        ("in.py", "sub/in.py"),
        ("./in.py", "sub/in.py"),
        ("WORK/sub/in.py", "sub/in.py"),
        ("../outside.py", None),
        ("link.py", None),
        ("folder.d", None),
        ("gone.py", None),
    ],
)
def test_only_files_of_the_workspace_are_found(
    tmp_path: Path, name: str, shown: Optional[str]
) -> None:
    work = tmp_path / "work"
    (work / "sub" / "folder.d").mkdir(parents=True)
    for path in (tmp_path / "outside.py", work / "top.py", work / "sub" / "in.py"):
        path.write_text("")
    (work / "link.py").symlink_to(tmp_path / "outside.py")
    line = "%s:7:1: error: x\n" % name.replace("WORK", str(work))

    found = Sources(MadeLogs({"a.log": line.encode()}), str(work), str(work / "sub")).place("a.log")

    assert found == (None if shown is None else Place(shown, 7, 1))
