"""What a library says by `logging` of why it failed."""

from __future__ import annotations

import logging


class FirstWarning(logging.Handler):
    """Keeps the first warning of a logger, which says what the others follow from; shows none."""

    def __init__(self, logger: str) -> None:
        super().__init__(logging.WARNING)
        self.text = ""
        logging.getLogger(logger).addHandler(self)
        logging.getLogger(logger).propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        """Take one in."""
        self.text = self.text or record.getMessage()
