"""What a run must not show, and what sees to it. Reads the secrets of a workflow."""

from __future__ import annotations

from typing import Callable, Collection, Mapping, NamedTuple, Optional, Sequence

from orchestra.engine.signals import SignalInbox
from orchestra.errors import RunBroken
from orchestra.model.masking import Masker
from orchestra.model.secrets import Secrets
from orchestra.model.workflow import Workflow

SECRET_COMMAND_S = 60.0
"""How long a program may take that gives a secret."""


class Kept(NamedTuple):
    """The secrets of a run and what masks them; none of both where it has none."""

    secrets: Optional[Secrets] = None
    masker: Optional[Masker] = None

    @property
    def values(self) -> Collection[str]:
        """The values of the secrets."""
        return () if self.secrets is None else self.secrets.values()

    def masked(self, text: str) -> str:
        """The text without any form of them."""
        if self.masker is None:
            return text
        data = text.encode("utf-8", "surrogateescape")
        return self.masker.mask(data).decode("utf-8", "surrogateescape")


SecretReader = Callable[[Workflow], Kept]


def read_kept(workflow: Workflow, environ: Mapping[str, str], signals: SignalInbox) -> Kept:
    """The secrets of the workflow, and what masks them; none of both where it has none.

    Raises:
        UsageError: a secret is missing or cannot be used.
        RunBroken: a signal came meanwhile.
    """
    if not workflow.secrets:
        return Kept()
    from orchestra.executors.capture import CaptureFault, CaptureStopped, capture
    from orchestra.steps.secrets import LARGEST_BYTES, read_secrets

    def run(argv: Sequence[str]) -> bytes:
        try:
            return capture(
                argv,
                environ,
                workflow.folder,
                timeout_s=SECRET_COMMAND_S,
                most_bytes=LARGEST_BYTES + 2,  # and the end of a line
                stop_fd=signals.fileno(),
            )
        except CaptureFault as fault:
            raise ValueError("`%s` %s" % (argv[0], fault.reason)) from None

    try:
        return Kept(*read_secrets(workflow, environ, run))
    except CaptureStopped:
        stopped = RunBroken("stopped while the secrets were read, nothing was started")
        raise stopped.keeping(signals.drain()[0].exit_code) from None
