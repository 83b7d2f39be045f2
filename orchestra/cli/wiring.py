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
from functools import partial
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from orchestra import __version__
from orchestra.cli.caching import step_cache
from orchestra.cli.concurrency import Turn, Unstarted, group_of, take_turn
from orchestra.cli.history import command_line
from orchestra.cli.keeper import Link
from orchestra.cli.kept import Kept, read_kept
from orchestra.cli.openings import open_alerts, open_log, open_telemetry
from orchestra.cli.preflight import check_shells, read_env_files, tell_what_is_unlimited
from orchestra.cli.prepare import Prepared, bind_used
from orchestra.cli.reporting import RENDERERS, Subject
from orchestra.cli.resuming import Resumption, take_up
from orchestra.cli.sites import Site, open_executor, tell_of_left
from orchestra.cli.terminal import Terminal
from orchestra.cli.views import make_view, planned_expectation
from orchestra.engine.audience import Audience
from orchestra.engine.caching import Cache
from orchestra.engine.driver import Driver
from orchestra.engine.machine import Machine
from orchestra.engine.opening import Origin, unstarted_run
from orchestra.engine.replay import Replay
from orchestra.engine.scope import RunFacts, Scopes, Surroundings
from orchestra.engine.signals import SignalInbox
from orchestra.errors import ExitCode, GroupFull, RunBroken, StoreError, UsageError
from orchestra.executors.descriptors import check_descriptors
from orchestra.executors.local import LocalExecutor
from orchestra.executors.proc import boot_id
from orchestra.model.events import Envelope, Noted
from orchestra.model.plan import Plan
from orchestra.model.record import RunRecord
from orchestra.model.run import RunState
from orchestra.model.sample import samples_of
from orchestra.reports.log_file import LogFolder
from orchestra.reports.report_file import append_text, write_report
from orchestra.reports.summary import render_summary
from orchestra.steps.files import file_functions
from orchestra.steps.renderer import StepRenderer
from orchestra.store.directory import RunFolder, StateDirectory
from orchestra.store.journal import RunJournal
from orchestra.store.sqlite import RunStore

_READER_GONE = (errno.EPIPE, errno.EIO)


class SystemClock:
    """The time of this machine."""

    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)


def run(
    prepared: Prepared,
    state: StateDirectory,
    mode: str,
    reports: Sequence[Tuple[str, str]],
    terminal: Terminal,
    environ: Mapping[str, str],
    keeper: Optional[Link] = None,
    resumption: Optional[Resumption] = None,
    log_path: Optional[str] = None,
) -> int:
    """Run a plan to its end, or go on with a run; the exit code.

    `mode` is one of `terminal.MODES`, `reports` are formats and paths; `keeper` is who
    sees to the steps if this process dies; at `log_path` each event is added as a line of JSON.

    Raises:
        RunHeld: another orchestrator holds the run that is to go on.
        UsageError: a shell, an env file or a secret that the workflow names is missing, or there
            can be no log at `log_path`.
        GroupFull: other runs hold its concurrency group, and it may not wait for them.
        StoreError: there can be no record of the run, or it was lost on the way.
        RunBroken: a report could not be written, or too few files may be open.
    """
    check_descriptors()
    check_shells(prepared.plan, environ)
    tell_what_is_unlimited(prepared.plan, terminal)
    env_files = read_env_files(prepared.plan.workflow)
    replay = Replay()
    with SignalInbox() as signals:
        kept = read_kept(prepared.plan.workflow, environ, signals)
        store = RunStore(state)
        if resumption is None:
            journal = store.begin_run(time.time(), prepared.sources)
        else:
            journal = store.resume_run(resumption.run_id, prepared.sources)
        cache = step_cache(prepared.plan.workflow.folder, store, journal)
        if keeper is not None:
            keeper.tell(_if_this_dies(journal.folder, state, kept))
        for doubt in state.doubts():
            terminal.say("warning: " + doubt)
        try:
            exit_code = _drive(
                prepared,
                env_files,
                kept,
                store,
                journal,
                cache,
                replay,
                mode,
                terminal,
                environ,
                signals,
                state,
                keeper,
                resumption,
                log_path,
            )
        except (UsageError, GroupFull, RunBroken):
            if resumption is None and replay.record is None:
                shutil.rmtree(journal.folder.path, ignore_errors=True)  # there was no run
            raise
        except StoreError:
            _tell_how_to_go_on(journal.folder, state, terminal)
            raise
        finally:
            signals.settle()
            # values that were handed over, of no use once their steps have ended
            shutil.rmtree(journal.folder.private, ignore_errors=True)
            store.close()
            journal.close()
            if keeper is not None:
                keeper.wake()
        if exit_code != ExitCode.OK and prepared.plan.steps:
            _tell_how_to_go_on(journal.folder, state, terminal)
        assert replay.record is not None
        return report(replay.record, reports, journal.folder, exit_code, environ)


def report(
    record: RunRecord,
    reports: Sequence[Tuple[str, str]],
    folder: RunFolder,
    exit_code: int,
    environ: Mapping[str, str],
) -> int:
    """Write what was asked for about a run that is over; the exit code.

    `reports` are formats and paths; a GitHub job gets its summary. One that cannot be written does
    not keep back the others.

    Raises:
        RunBroken: some could not be written; it keeps an `exit_code` that is not 0.
    """
    is_cut_off = record.state is RunState.RUNNING
    subject, unwritten = Subject(record, LogFolder(folder.path), is_cut_off), []
    writes = [(write_report, path, format) for format, path in reports]
    page = environ.get("GITHUB_STEP_SUMMARY", "")
    if page:
        writes.append((append_text, page, "markdown"))
    for write, path, format in writes:
        try:
            write(path, RENDERERS[format](subject._replace(path=path)))
        except OSError as fault:
            unwritten.append("the report %s could not be written: %s" % (path, fault.strerror))
    if not unwritten:
        return exit_code
    broken = RunBroken("; ".join(unwritten))
    raise broken if exit_code == ExitCode.OK else broken.keeping(exit_code)


def _drive(
    prepared: Prepared,
    env_files: Mapping[str, Mapping[str, str]],
    kept: Kept,
    store: RunStore,
    journal: RunJournal,
    cache: Cache,
    replay: Replay,
    mode: str,
    terminal: Terminal,
    environ: Mapping[str, str],
    signals: SignalInbox,
    state: StateDirectory,
    keeper: Optional[Link],
    resumption: Optional[Resumption],
    log_path: Optional[str],
) -> int:
    plan, folder = prepared.plan, journal.folder
    functions = file_functions(plan.workflow.folder)
    facts = _facts(plan, folder, time.time() if resumption is None else resumption.started_at)
    around = Surroundings(bind_used, lambda path: env_files.get(path, {}), file_functions)
    env_file = env_files[plan.workflow.path]
    scopes = Scopes(
        plan.workflow,
        plan.params,
        plan.vars,
        environ,
        env_file,
        facts,
        functions,
        kept.secrets,
        around,
    )
    inherited = plan.workflow.inheritable(environ)
    origin = Origin(
        folder.run_id,
        socket.gethostname(),
        os.getpid(),
        __version__,
        prepared.options.to_record(),
        boot_id(),
    )
    left: Dict[str, Sequence[str]] = {}
    with ExitStack() as stack:
        stack.callback(tell_of_left, left, folder, state, terminal)
        turn = _turn(plan, scopes, folder, state, signals, terminal, environ)
        stack.callback(turn.leave)
        goes_on = None
        if resumption is not None:
            if turn.unstarted is not None:
                replay.apply(store.envelopes(resumption.run_id))
                terminal.say("the run does not go on: %s" % turn.unstarted.reason)
                return turn.unstarted.exit_code
            goes_on = take_up(resumption, store, plan, scopes, origin, replay, folder)
        screen = terminal.open_screen(mode)
        stack.callback(screen.close)
        ground = terminal.foreground()
        if mode == "live":
            stack.enter_context(ground)
        view = make_view(
            mode,
            terminal,
            screen,
            replay,
            partial(planned_expectation, plan),
            folder.path,
            plan.workflow.folder,
            environ,
            ground.is_ours,
        )
        log = None if log_path is None else open_log(log_path, replay)
        if log is not None:
            stack.callback(log.close)
        subscribers = [view.subscriber] if log is None else [view.subscriber, log.log]
        audience = Audience(replay, subscribers, view.ticker, view.patience_s)
        stack.callback(audience.close)
        if turn.unstarted is not None:
            return _record_unstarted(turn.unstarted, plan, scopes, origin, journal, audience)

        driver: Optional[Driver] = None

        def note(text: str) -> None:
            if driver is None:
                terminal.say(text)
            else:
                driver.note([Noted("", text)])

        local = LocalExecutor(
            folder.run_id,
            view.on_output,
            masker=kept.masker,
            folder=folder.path,
            board=keeper and keeper.board,
            on_taken=keeper and keeper.tell_of,
            on_note=note,
        )
        stack.callback(local.close)
        told = (view.on_output, note, left.__setitem__)
        site = Site(folder, kept, inherited, *told, signals, prepared.sources)
        executor = open_executor(local, plan, scopes, site, goes_on.executors if goes_on else ())
        stack.callback(executor.close)
        read = partial(read_kept, environ=environ, signals=signals)
        alerts = open_alerts(plan, facts, env_file, kept, store, replay, executor, environ, read)
        telemetry = open_telemetry(environ, folder.run_id, folder.private, kept)
        _spare_the_collector()
        driver = Driver(
            Machine(plan, scopes, origin, random.Random().random, goes_on and goes_on.past),
            executor if alerts is None else alerts.companions,
            StepRenderer(
                folder.path,
                folder.run_id,
                plan.workflow.folder,
                inherited,
                masker=kept.masker,
                trace=telemetry.trace if telemetry is not None else None,
            ),
            journal,
            audience,
            SystemClock(),
            signals,
            cache,
            goes_on and goes_on.recorded,
            keeper and keeper.lifeline,
        )
        if alerts is not None:
            for warning in alerts.warnings():
                terminal.say("warning: " + warning)
            alerts.begin(driver.note)
        exit_code = driver.run()
        if driver.lost is None and replay.record is not None:
            journal.learn(plan.workflow.path, samples_of(replay.record))
        if alerts is not None:
            alerts.finish(signals.fileno(), driver.lost.message if driver.lost else "")
        if telemetry is not None and replay.record is not None:
            telemetry.send(replay.record, executor, signals.fileno())
    for beside in (audience.dropped, alerts and alerts.lines, telemetry and telemetry.lines):
        for line in beside or ():
            terminal.say(line)
    if log is not None and log.problem is not None:
        terminal.say(log.problem)
    if (driver.lost is not None or driver.is_left) and replay.record is not None:
        look = terminal.look_of("quiet")
        logs = LogFolder(folder.path)
        terminal.say(render_summary(replay.record, terminal.width, look, logs))
    if driver.lost is not None:
        raise driver.lost
    fault = screen.fault
    if fault is not None and fault.errno not in _READER_GONE and exit_code == ExitCode.OK:
        raise RunBroken("the run went well, but could not be shown: %s" % fault.strerror)
    return exit_code


def _if_this_dies(folder: RunFolder, state: StateDirectory, kept: Kept) -> Mapping[str, Any]:
    """What a keeper needs to know then."""
    return {
        "run_id": folder.run_id,
        "folder": folder.path,
        "state": state.path,
        "resume": command_line("resume", folder.run_id, state),
        "secrets": list(kept.values),
    }


def _tell_how_to_go_on(folder: RunFolder, state: StateDirectory, terminal: Terminal) -> None:
    terminal.say("go on with it: " + command_line("resume", folder.run_id, state))


def _turn(
    plan: Plan,
    scopes: Scopes,
    folder: RunFolder,
    state: StateDirectory,
    signals: SignalInbox,
    terminal: Terminal,
    environ: Mapping[str, str],
) -> Turn:
    """The run's turn in its concurrency group, at once where the workflow has none."""
    rule = plan.workflow.concurrency
    if rule is None:
        return Turn()
    group = group_of(plan.workflow, scopes)
    outer_run = environ.get("ORCHESTRA_RUN_ID", "")
    return take_turn(rule, group, folder.run_id, outer_run, state, signals, terminal)


def _record_unstarted(
    unstarted: Unstarted,
    plan: Plan,
    scopes: Scopes,
    origin: Origin,
    journal: RunJournal,
    audience: Audience,
) -> int:
    """Record and show a run that never had its turn; its exit code."""
    at = time.time()
    events = enumerate(unstarted_run(plan, scopes, origin, *unstarted), 1)
    envelopes = [Envelope(number, at, event) for number, event in events]
    journal.append(envelopes)
    audience.tell(envelopes)
    return unstarted.exit_code


def _spare_the_collector() -> None:
    """Keep the cyclic collector from walking the plan over and over: 15 % of the CPU of a run.

    What is garbage by now is kept with it: some hundred objects, 20 ms to find beside 10,000 steps.
    """
    gc.freeze()


def _facts(plan: Plan, folder: RunFolder, started_at: float) -> RunFacts:
    began = datetime.fromtimestamp(started_at, timezone.utc)
    return RunFacts(
        folder.run_id,
        plan.workflow.name,
        datetime.fromtimestamp(started_at).date().isoformat(),
        began.isoformat(timespec="seconds").replace("+00:00", "Z"),
        folder.path,
    )
