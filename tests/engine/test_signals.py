"""The signals that ask a run to end."""

from __future__ import annotations

import signal

import pytest

from orchestra.engine import signals
from orchestra.engine.signals import ONE_S, Echoes


def test_only_the_same_signal_right_behind_is_an_echo(monkeypatch: pytest.MonkeyPatch) -> None:
    echoes = Echoes()
    now = 0.0
    monkeypatch.setattr(signals.time, "monotonic", lambda: now)
    assert not echoes.is_echo(signal.SIGTERM)
    assert echoes.is_echo(signal.SIGTERM)
    assert not echoes.is_echo(signal.SIGINT)
    now = ONE_S / 2
    assert echoes.is_echo(signal.SIGTERM)
    now = ONE_S  # an echo has none itself
    assert not echoes.is_echo(signal.SIGTERM)
