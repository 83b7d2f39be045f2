"""What holds for all tests: signals mean what they mean in a terminal."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """A shell that starts pytest in the background lets it ignore ctrl-C, and all its children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
