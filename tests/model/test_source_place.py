"""Which line of which file the end of a log points to."""

from __future__ import annotations

from typing import Optional

import pytest

from orchestra.model.source_place import Place, place_in

FILES = {"a.c": "a.c", "src/b.rs": "src/b.rs", "/w/t.py": "t.py", "test_x.py": "test_x.py"}
TRACEBACK = """
Traceback (most recent call last):
  File "/w/t.py", line 3, in <module>
    main()
  File "/w/t.py", line 9, in main
    parse(text)
  File "/usr/lib/python3/json/decoder.py", line 355, in raw_decode
ValueError: no JSON at 12:30
"""


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", None),
        ("exit code 2", None),
        ("at 12:30:01 and 10.0.0.1:80 and http://a.c:80/x", None),
        ("gone.c:1: error: no", None),
        ("a.c:12: warning: x", Place("a.c", 12)),
        ("a.c:3:7: error: x\na.c:9:1: error: y\na.c:10: note: z", Place("a.c", 3, 7)),
        ("a.c:3:7: fatal error: x.h: No such file", Place("a.c", 3, 7)),
        ("  --> src/b.rs:4:13", Place("src/b.rs", 4, 13)),
        ("(a.c:5)", Place("a.c", 5)),
        (TRACEBACK, Place("t.py", 9)),
        ("test_x.py:3: in test\ntest_x.py:8: AssertionError", Place("test_x.py", 8)),
        ("x" * 2000 + " a.c:1", None),
    ],
)
def test_a_log_points_to(text: str, place: Optional[Place]) -> None:
    assert place_in(text.splitlines(), FILES.get) == place
