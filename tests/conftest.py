"""What holds for all tests: signals mean what they mean in a terminal, and no test is timed.

Examples are drawn anew each time, but in CI: there a change is judged by the same ones as the
change before it, with every version of hypothesis.
"""

from __future__ import annotations

import os
import signal

from hypothesis import settings

if "CI" in os.environ:
    settings.register_profile(
        "untimed", deadline=None, derandomize=True, database=None, print_blob=True
    )
else:
    settings.register_profile("untimed", deadline=None)


def pytest_configure() -> None:
    """A shell that starts pytest in the background lets it ignore ctrl-C, and all its children."""
    settings.load_profile("untimed")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
