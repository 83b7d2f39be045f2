"""Opens what only some runs have: alerts, a log, telemetry. Imports it only where it is wanted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Mapping, Optional

from orchestra.cli.kept import Kept, SecretReader
from orchestra.engine.ports import Executor
from orchestra.engine.replay import Replay
from orchestra.engine.scope import RunFacts
from orchestra.model.plan import Plan
from orchestra.store.awaiting import Awaiting
from orchestra.store.sqlite import RunStore

if TYPE_CHECKING:
    from orchestra.cli.alerting import Alerts
    from orchestra.cli.log_file import LogFile
    from orchestra.cli.telemetry import Telemetry


def open_alerts(
    plan: Plan,
    facts: RunFacts,
    env_file: Mapping[str, str],
    kept: Kept,
    store: RunStore,
    replay: Replay,
    executor: Executor,
    environ: Mapping[str, str],
    read_secrets: SecretReader,
) -> Optional[Alerts]:
    """What tells of the run and of those that were cut off; None where there is nobody to tell."""
    if not plan.workflow.notify and not Awaiting(store.state).cut_off():
        return None
    from orchestra.cli.alerting import Alerts
    from orchestra.cli.watched import Watched
    from orchestra.subscribers.owed import Owed

    # alerts are no steps, and take none of their defaults
    owed = Owed(replace(plan.workflow, default_env={}), plan.vars)
    watched = Watched(owed, plan.params, facts, env_file, environ, store, kept)
    return Alerts(watched, replay, executor, store, environ, read_secrets)


def open_log(path: str, replay: Replay) -> LogFile:
    """The log at this path; see `LogFile`."""
    from orchestra.cli.log_file import LogFile

    return LogFile(path, replay)


def open_telemetry(
    environ: Mapping[str, str], run_id: str, folder: str, kept: Kept
) -> Optional[Telemetry]:
    """What tells a collector of the run; None where no variable speaks of OpenTelemetry."""
    if not any(name.startswith("OTEL_") for name in environ):
        return None
    from orchestra.cli.telemetry import Telemetry

    return Telemetry(environ, run_id, folder, kept)
