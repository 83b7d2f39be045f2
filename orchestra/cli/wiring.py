"""The only place that joins the parts: a plan with an executor, a store, a view and reports."""

from __future__ import annotations

import errno
import gc
import os
import random
import shutil
import socket
import time
from contextlib import ExitStack
from datetime import datetime, timezone
from typing import Dict, Iterator, Mapping, NamedTuple, Optional, Sequence, Tuple

from orchestra import __version__
from orchestra.cli.caching import step_cache
from orchestra.cli.prepare import Prepared
from orchestra.cli.terminal import Terminal
from orchestra.cli.views import make_view
from orchestra.engine.audience import Audience
from orchestra.engine.driver import Driver
from orchestra.engine.machine import Machine
from orchestra.engine.opening import Origin
from orchestra.engine.ports import Cache
from orchestra.engine.replay import Replay
from orchestra.engine.scope import RunFacts, Scopes
from orchestra.engine.signals import SignalInbox
from orchestra.errors import ExitCode, RunBroken, UsageError
from orchestra.executors.local import LocalExecutor
from orchestra.model.masking import Masker
from orchestra.model.plan import Plan
from orchestra.model.run import RunRecord
from orchestra.model.secrets import Secrets
from orchestra.model.workflow import Body, ShellScript, Workflow
from orchestra.reports.json_report import render_json_report
from orchestra.reports.log_file import LogFolder
from orchestra.reports.report_file import write_report
from orchestra.reports.step_summary import append_step_summary, render_step_summary
from orchestra.reports.summary import render_summary
from orchestra.steps.environment import read_env_file
from orchestra.steps.files import file_functions
from orchestra.steps.renderer import StepRenderer
from orchestra.store.directory import RunFolder, StateDirectory
from orchestra.store.journal import RunJournal
from orchestra.store.sqlite import RunStore

_READER_GONE = (errno.EPIPE, errno.EIO)


SECRET_COMMAND_S = 60.0
"""How long a program may take that gives a secret."""


class Kept(NamedTuple):
    """What a run must not show, and what sees to it."""

    secrets: Optional[Secrets] = None
    masker: Optional[Masker] = None


class SystemClock:
    """The time of this machine."""

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def time(self) -> float:
        """UTC seconds since 1970."""
        return time.time()


def run(
    prepared: Prepared,
    state: StateDirectory,
    mode: str,
    reports: Sequence[str],
    terminal: Terminal,
    environ: Mapping[str, str],
) -> int:
    """Run a plan to its end; the exit code.

    `mode` is one of `terminal.MODES`, `reports` are paths for the JSON report.

    Raises:
        UsageError: a shell, an env file or a secret that the workflow names is missing.
        StoreError: there can be no record of the run, or it was lost on the way.
        RunBroken: a report could not be written.
    """
    _check_shells(prepared.plan, environ)
    env_file = _read_env_files(prepared.plan)
    replay = Replay()
    with SignalInbox() as signals:
        kept = _read_secrets(prepared.plan.workflow, environ, signals)
        store = RunStore(state)
        journal = store.begin_run(time.time())
        cache = step_cache(prepared.plan.workflow.folder, store, journal)
        for doubt in state.doubts():
            terminal.say("warning: " + doubt)
        try:
            exit_code = _drive(
                prepared, env_file, kept, journal, cache, replay, mode, terminal, environ, signals
            )
        finally:
            # values that were handed over, of no use once their steps have ended
            shutil.rmtree(journal.folder.private, ignore_errors=True)
            journal.close()
            store.close()
        return _report(replay.record, reports, journal.folder, exit_code, environ)


def _drive(
    prepared: Prepared,
    env_file: Mapping[str, str],
    kept: Kept,
    journal: RunJournal,
    cache: Cache,
    replay: Replay,
    mode: str,
    terminal: Terminal,
    environ: Mapping[str, str],
    signals: SignalInbox,
) -> int:
    plan, folder = prepared.plan, journal.folder
    functions = file_functions(plan.workflow.folder)
    facts = _facts(plan, folder)
    scopes = Scopes(
        plan.workflow, plan.params, plan.vars, environ, env_file, facts, functions, kept.secrets
    )
    inherited = plan.workflow.inheritable(environ)
    origin = Origin(folder.run_id, socket.gethostname(), os.getpid(), __version__)
    with ExitStack() as stack:
        screen = terminal.open_screen(mode)
        stack.callback(screen.close)
        view = make_view(mode, terminal, screen, replay, plan, folder.path, environ)
        audience = Audience(replay, [view.subscriber], view.ticker, view.patience_s)
        stack.callback(audience.close)
        executor = LocalExecutor(folder.run_id, view.on_output, masker=kept.masker)
        stack.callback(executor.close)
        _spare_the_collector()
        driver = Driver(
            Machine(plan, scopes, origin, random.Random().random),
            executor,
            StepRenderer(
                folder.path,
                folder.run_id,
                plan.workflow.folder,
                inherited,
                masker=kept.masker,
            ),
            journal,
            audience,
            SystemClock(),
            signals,
            cache,
        )
        exit_code = driver.run()
    for line in audience.dropped:
        terminal.say(line)
    if driver.lost is not None:
        if replay.record is not None:
            logs = LogFolder(folder.path)
            look = terminal.look_of("quiet")
            terminal.say(render_summary(replay.record, terminal.width, look, logs))
        raise driver.lost
    fault = screen.fault
    if fault is not None and fault.errno not in _READER_GONE and exit_code == ExitCode.OK:
        raise RunBroken("the run went well, but could not be shown: %s" % fault.strerror)
    return exit_code


def _spare_the_collector() -> None:
    """Keep the cyclic collector from walking the plan over and over: 15 % of the CPU of a run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


def _report(
    record: Optional[RunRecord],
    reports: Sequence[str],
    folder: RunFolder,
    exit_code: int,
    environ: Mapping[str, str],
) -> int:
    assert record is not None
    path = ""
    try:
        for path in reports:
            write_report(path, render_json_report(record, LogFolder(folder.path)))
        path = environ.get("GITHUB_STEP_SUMMARY", "")
        if path:
            append_step_summary(path, render_step_summary(record))
    except OSError as fault:
        broken = RunBroken("the report %s could not be written: %s" % (path, fault.strerror))
        if exit_code == ExitCode.OK:
            raise broken from fault
        raise broken.keeping(exit_code) from fault
    return exit_code


def _facts(plan: Plan, folder: RunFolder) -> RunFacts:
    now = datetime.now(timezone.utc)
    return RunFacts(
        folder.run_id,
        plan.workflow.name,
        datetime.now().date().isoformat(),
        now.isoformat(timespec="seconds").replace("+00:00", "Z"),
        folder.path,
    )


def _check_shells(plan: Plan, environ: Mapping[str, str]) -> None:
    """Bash is the default, and not every machine has it."""
    if shutil.which("bash", path=environ.get("PATH", os.defpath)) is not None:
        return
    for what, body in _bodies(plan):
        if isinstance(body, ShellScript) and body.shell == "bash":
            raise UsageError(
                "%s runs in bash, and there is no bash here" % what,
                "install bash, or write `shell: sh`",
            )


def _bodies(plan: Plan) -> Iterator[Tuple[str, Optional[Body]]]:
    for planned in plan.steps:
        step = planned.step
        yield "step `%s`" % step.id, step.body
        for key, handler in step.handlers.items():
            yield "`%s` of step `%s`" % (key, step.id), handler.body
    for key, handler in plan.workflow.handlers.items():
        yield "`%s` of the workflow" % key, handler.body


def _read_secrets(workflow: Workflow, environ: Mapping[str, str], signals: SignalInbox) -> Kept:
    """The secrets of the workflow, and what masks them; none of both where it has none."""
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


def _read_env_files(plan: Plan) -> Dict[str, str]:
    values: Dict[str, str] = {}
    for name in plan.workflow.env_files:
        values.update(read_env_file(os.path.join(plan.workflow.folder, name)))
    return values
