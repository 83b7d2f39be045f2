"""orchestra: a command-line job orchestrator."""

__version__ = "0.1.0"
