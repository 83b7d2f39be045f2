"""Where the steps of a run go: this machine, and the engines that its file names."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    Iterable,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
)

from orchestra.cli.history import command_line
from orchestra.cli.kept import Kept
from orchestra.cli.terminal import Terminal
from orchestra.engine.planner import PlannedErrand, planned_errands
from orchestra.engine.ports import Executor
from orchestra.engine.scope import Scopes
from orchestra.engine.signals import SignalInbox
from orchestra.engine.whereabouts import root_settings
from orchestra.errors import RunBroken, UsageError
from orchestra.executors.local import LocalExecutor
from orchestra.model.errand import LOCAL
from orchestra.model.expression import ExpressionError, Value
from orchestra.model.plan import Plan
from orchestra.model.run import AttemptKey
from orchestra.store.directory import RunFolder, StateDirectory

if TYPE_CHECKING:
    from orchestra.executors.hosted import HostedExecutor


_SHOWN_JOBS = 5
_BY_HAND = {"slurm": "scancel"}
"""What ends jobs of an engine without orchestra."""


class Site(NamedTuple):
    """What every executor of a run is made from, besides the plan.

    `sources` are the files of the workflow by their paths.
    """

    folder: RunFolder
    kept: Kept
    environ: Mapping[str, str]
    on_output: Optional[Callable[[AttemptKey, bytes], None]]
    on_note: Callable[[str], None]
    on_left: Callable[[str, Sequence[str]], None]
    signals: SignalInbox
    sources: Mapping[str, bytes]


def open_executor(
    local: LocalExecutor, plan: Plan, scopes: Scopes, site: Site, former: Iterable[str] = ()
) -> Executor:
    """The executor of a run: that of this machine, joined by those elsewhere if there are any.

    `former` are the executors that still have attempts of a run which goes on.

    Raises:
        UsageError: one cannot be used, or can never give what a step asks it for.
        RunBroken: a signal came while one was asked.
    """
    wanted: Dict[str, Sequence[PlannedErrand]] = dict.fromkeys(former, ())
    wanted.update(planned_errands(plan, scopes))
    wanted.pop(LOCAL, None)
    if not wanted:
        return local
    from orchestra.executors.mixed import MixedExecutor

    with ExitStack() as opened:
        hosted: Dict[str, Executor] = {}
        for name, errands in wanted.items():
            hosted[name] = executor = _open(name, local, plan, scopes, site)
            opened.callback(executor.close)
            _check(executor, errands, plan, site)
        mixed = MixedExecutor(local, hosted)
        opened.pop_all()
    return mixed


def tell_of_left(
    left: Mapping[str, Sequence[str]], folder: RunFolder, state: StateDirectory, terminal: Terminal
) -> None:
    """Say which jobs engines may still run of a run that was left, and how they are ended."""
    cancel = command_line("cancel", folder.run_id, state)
    for name, jobs in left.items():
        terminal.say(left_line(name, jobs, cancel))


def left_line(executor: str, jobs: Sequence[str], cancel: str) -> str:
    """`slurm may still run 7, 8: …`, with the command that ends them."""
    shown, more = ", ".join(jobs[:_SHOWN_JOBS]), len(jobs) - _SHOWN_JOBS
    if more > 0:
        shown += " and %d more" % more
    by_hand = _BY_HAND.get(executor, "")
    if by_hand and more <= 0:
        by_hand += " %s" % " ".join(jobs)
    also = ", and so does `%s`" % by_hand if by_hand else ""
    what = "it" if len(jobs) == 1 else "them"
    words = "%s may still run %s: `%s` ends %s once the engine answers%s"
    return words % (executor, shown, cancel, what, also)


def _open(
    name: str, local: LocalExecutor, plan: Plan, scopes: Scopes, site: Site
) -> HostedExecutor:
    from orchestra.executors.hosted import HostedExecutor
    from orchestra.executors.known import BrokenExecutor, UnknownExecutor, find_executor

    try:
        opening = find_executor(name)
        opening.open_place()
        settings = root_settings(plan.workflow, name, scopes.root_scope())
        _check_settings(name, settings, opening.settings_schema())
    except UnknownExecutor as fault:
        raise UsageError("executor `%s` is not known" % name, fault.hint or "") from None
    except (BrokenExecutor, ExpressionError) as fault:
        raise UsageError("executor `%s` cannot be used: %s" % (name, fault)) from None
    return HostedExecutor(
        opening,
        settings,
        site.folder.run_id,
        site.folder.path,
        environ={os.fsencode(key): os.fsencode(each) for key, each in site.environ.items()},
        secrets=list(site.kept.values),
        masker=site.kept.masker,
        on_output=site.on_output,
        on_note=site.on_note,
        on_left=site.on_left,
        on_hired=local.hire,
    )


def _check(
    executor: HostedExecutor, planned: Sequence[PlannedErrand], plan: Plan, site: Site
) -> None:
    """Ask an engine whether it can do what is wanted of it.

    Raises:
        UsageError: it cannot.
        RunBroken: a signal came before it answered.
    """
    from orchestra.executors.hosted import CheckStopped

    try:
        objections = executor.check([each.errand for each in planned], site.signals.fileno())
    except CheckStopped:
        stopped = RunBroken("stopped while %s was asked, nothing was started" % executor.name)
        raise stopped.keeping(site.signals.drain()[0].exit_code) from None
    if not objections:
        return
    from orchestra.cli.objections import hint_of, sentence_of

    path = plan.workflow.path
    words = sentence_of(objections, [each.steps for each in planned], path, site.sources[path])
    raise UsageError("%s: %s" % (executor.name, words), hint_of(objections))


def _check_settings(
    name: str, settings: Mapping[str, Value], schema: Optional[Mapping[str, Any]]
) -> None:
    """Hold them to the schema of an executor that has one.

    Raises:
        UsageError: they do not fit it.
    """
    if schema is None:
        return
    from jsonschema import Draft202012Validator

    own = {key: each for key, each in settings.items() if key != "max_jobs"}  # orchestra's
    for fault in Draft202012Validator(schema).iter_errors(own):
        where = ".".join([name, *map(str, fault.absolute_path)])
        raise UsageError("the settings `%s` of an executor: %s" % (where, fault.message))
