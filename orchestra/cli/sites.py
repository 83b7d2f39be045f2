"""Where the steps of a run go: this machine, and the engines that its file names."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Set

from orchestra.cli.kept import Kept
from orchestra.engine.ports import Executor
from orchestra.engine.scope import Scopes
from orchestra.engine.whereabouts import amounts_of, asked, errand_of, root_settings
from orchestra.errors import UsageError
from orchestra.executors.local import LocalExecutor
from orchestra.model.errand import LOCAL, Errand
from orchestra.model.expression import ExpressionError
from orchestra.model.plan import Plan
from orchestra.model.run import AttemptKey
from orchestra.model.workflow import steps_within
from orchestra.store.directory import RunFolder


class Site(NamedTuple):
    """What every executor of a run is made from, besides the plan."""

    folder: RunFolder
    kept: Kept
    environ: Mapping[str, str]
    on_output: Optional[Callable[[AttemptKey, bytes], None]]
    on_note: Callable[[str], None]
    stop_fd: int


def executors_of(plan: Plan) -> List[str]:
    """The executors that steps of a plan name, but that of this machine, in file order."""
    steps = steps_within(plan.workflow.step_by_id, plan.workflow.handlers)
    return list(dict.fromkeys(step.executor for step in steps if step.executor != LOCAL))


def open_executor(local: LocalExecutor, plan: Plan, scopes: Scopes, site: Site) -> Executor:
    """The executor of a run: that of this machine, joined by those elsewhere if there are any.

    Raises:
        UsageError: one cannot be used, or can never give what a step asks it for.
    """
    names = executors_of(plan)
    if not names:
        return local
    from orchestra.executors.mixed import MixedExecutor

    with ExitStack() as opened:
        hosted: Dict[str, Executor] = {}
        for name in names:
            executor = _open(name, local, plan, scopes, site)
            hosted[name] = executor
            opened.callback(executor.close)
        mixed = MixedExecutor(local, hosted)
        opened.pop_all()
    return mixed


def _open(name: str, local: LocalExecutor, plan: Plan, scopes: Scopes, site: Site) -> Executor:
    from orchestra.executors.hosted import HostedExecutor
    from orchestra.executors.known import BrokenExecutor, UnknownExecutor, find_executor

    try:
        opening = find_executor(name)
        opening.open_place()
        settings = root_settings(plan.workflow, name, scopes.root_scope())
    except UnknownExecutor as fault:
        raise UsageError("executor `%s` is not known" % name, fault.hint or "") from None
    except (BrokenExecutor, ExpressionError) as fault:
        raise UsageError("executor `%s` cannot be used: %s" % (name, fault)) from None
    executor = HostedExecutor(
        opening,
        settings,
        site.folder.run_id,
        site.folder.path,
        environ={os.fsencode(key): os.fsencode(each) for key, each in site.environ.items()},
        secrets=list(site.kept.values),
        masker=site.kept.masker,
        on_output=site.on_output,
        on_note=site.on_note,
        on_hired=local.hire,
    )
    problems = executor.check(list(_errands(name, plan, scopes)), site.stop_fd)
    if problems:
        executor.close()
        raise UsageError("%s: %s" % (name, "; ".join(problems)), "--executor local runs it here")
    return executor


def _errands(name: str, plan: Plan, scopes: Scopes) -> Iterator[Errand]:
    """What steps will ask an executor for, each once, as far as that can be told before the run."""
    scope = scopes.root_scope()
    seen: Set[str] = set()
    for step in steps_within(plan.workflow.step_by_id, plan.workflow.handlers):
        if step.executor != name or not asked(step):
            continue
        limit_s = step.timeout if isinstance(step.timeout, float) else None
        try:
            errand = errand_of(step, scope, amounts_of(asked(step), scope), 0, limit_s)
        except ExpressionError:
            continue  # what it depends on is known later
        if repr(errand) not in seen:
            seen.add(repr(errand))
            yield errand
