"""What a person is told of faulty files: each `corpus/NAME.yaml` gives the text of `NAME.txt`.

`python -m tests.spec.test_load_corpus` writes the texts anew, to be read before they are committed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestra.cli.messages import format_faults
from orchestra.spec.load import load

CORPUS = Path(__file__).parent / "corpus"
FILES = sorted(CORPUS.glob("*.yaml"))


def told(path: Path) -> str:
    """What is said of a file, as if it stood in an empty folder."""
    loaded = load("/nonexistent/%s" % path.name, path.read_bytes())
    return format_faults(loaded.faults, loaded.text).replace("/nonexistent/", "")


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_faulty_file_is_told_what_is_wrong_where_and_what_to_do(path: Path) -> None:
    assert told(path) == path.with_suffix(".txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_faulty_file_gives_no_workflow(path: Path) -> None:
    assert load("/nonexistent/%s" % path.name, path.read_bytes()).workflow is None


if __name__ == "__main__":
    for file in FILES:
        file.with_suffix(".txt").write_text(told(file), encoding="utf-8")
