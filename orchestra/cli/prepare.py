"""From a file and the command line to a plan: reads and checks, runs nothing."""

from __future__ import annotations

import datetime
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from orchestra.cli import messages
from orchestra.cli.options import (
    PlanOptions,
    check_executor,
    parse_budget,
    parse_params,
    parse_policy,
)
from orchestra.cli.terminal import Terminal
from orchestra.engine import choice, graph, planner
from orchestra.engine.caching import Cache
from orchestra.engine.scope import Scopes, Surroundings, evaluate_vars
from orchestra.errors import Fault, Problem, StoreError, UsageError, WorkflowError
from orchestra.executors.room import machine_amounts, visible_devices
from orchestra.model.expression import ExpressionError, Value
from orchestra.model.plan import Plan, Prediction, Room
from orchestra.model.sample import RUNS_FOR_DURATION, Sample, durations_of
from orchestra.model.selection import Selection
from orchestra.model.workflow import Workflow, steps_within
from orchestra.spec.files import read_file
from orchestra.spec.load import Loaded, load
from orchestra.spec.params import bind, read_params_file
from orchestra.spec.reader import collection_paused

if TYPE_CHECKING:
    from orchestra.store.directory import StateDirectory
    from orchestra.store.sqlite import RunStore


class Prepared(NamedTuple):
    """A plan, and what the file's author should know, with the file's text to show it in, if any.

    `sources` are the files that it was made from by their absolute paths, `options` what else;
    `prediction` is None where none was made; `samples` are what its steps came to before, and
    `unread` is why there are none where that could not be read.
    """

    plan: Plan
    warnings: Sequence[Fault]
    text: str
    sources: Mapping[str, bytes]
    options: PlanOptions
    prediction: Optional[Prediction] = None
    samples: Mapping[str, Sequence[Sample]] = {}
    unread: Optional[StoreError] = None


class Read(NamedTuple):
    """A workflow file without errors, its graph, and the warnings about it."""

    workflow: Workflow
    graph: graph.Graph
    loaded: Loaded
    warnings: Sequence[Fault]
    sources: Mapping[str, bytes]


@collection_paused()
def read(path: str, data: Optional[bytes] = None, executor: Optional[str] = None) -> Read:
    """A workflow file, checked as far as no parameter and no machine is needed.

    `data` is what it holds, where it is not to be read; `executor` is what a person wants, if so.

    Raises:
        WorkflowError: it has errors; all that could be found.
    """
    sources: Dict[str, bytes] = {}

    def read_and_keep(file: str) -> bytes:
        data = sources[os.path.abspath(file)] = read_file(file)
        return data

    loaded = load(path, data, read_and_keep, executor=executor)
    built = None
    problems: List[Problem] = []
    if loaded.draft is not None:
        built, problems = graph.build(loaded.draft)
        problems.extend(graph.problems_of_budget(loaded.draft))
    if loaded.workflow is not None and built is not None:
        problems.extend(graph.problems_above(built))
    faults = loaded.located(problems)
    if loaded.workflow is None or built is None or has_errors(faults):
        raise WorkflowError(faults, loaded.text)
    return Read(loaded.workflow, built, loaded, faults, sources)


@collection_paused()
def prepare(
    path: str,
    options: PlanOptions,
    environ: Mapping[str, str],
    here: str,
    foresee: bool = False,
    data: Optional[bytes] = None,
    runs: int = RUNS_FOR_DURATION,
) -> Prepared:
    """The plan of a file for this machine and these options.

    With `foresee` it tells which steps are up to date; a run looks for itself. `data` is what the
    file holds, where it is not to be read. Of so many earlier `runs` it is read what the steps came
    to, of none for 0.

    Raises:
        WorkflowError: the file has errors, or asks for what this run cannot have.
        UsageError: a parameter or an option is wrong, or outputs are missed of steps left out.
        StoreError: earlier runs have them, and cannot be read.
    """
    check_executor(options.executor)
    found = read(path, data, options.executor)
    workflow = found.workflow
    given = parse_params(options.params)
    in_file = {} if options.params_file is None else read_params_file(options.params_file)
    if options.bound is not None:
        bound = options.bound.items()
        in_file = {name: value for name, value in bound if name in workflow.params}
        in_file = {name: value for name, value in in_file.items() if value is not None}
    params = bind(workflow, given, in_file, environ, datetime.date.today(), here)
    try:
        variables = evaluate_vars(workflow, params)
    except ExpressionError as fault:
        problem = Problem(("vars",), "expression", fault.message, fault.hint)
        raise _faulty(found, [problem]) from None
    foresee = foresee and _has_cache(workflow)
    around = _reading(foresee)
    files = around.files(workflow.folder)
    scopes = Scopes(workflow, params, variables, environ, {}, files=files, surroundings=around)
    with _Past(path, options, environ, here) as past:
        samples: Mapping[str, Sequence[Sample]] = {}
        unread = None
        try:
            samples = past.samples(workflow, runs)
        except StoreError as fault:
            unread = fault  # a plan can do without
        plan, problems = planner.plan(
            workflow,
            found.graph,
            scopes,
            params,
            variables,
            _room(workflow, options, environ),
            planner.Limits(
                options.jobs or workflow.max_parallel,
                workflow.fail_fast if options.fail_fast is None else options.fail_fast,
            ),
            _selection(found, options, past),
            past.cache(workflow) if foresee else None,
            options.force,
            durations_of(samples),
        )
    if plan is None:
        raise _faulty(found, problems)
    choice.check(plan)
    plan, prediction = _scheduled(plan, options)
    text = found.loaded.text if found.warnings else ""
    return Prepared(plan, found.warnings, text, found.sources, options, prediction, samples, unread)


def _has_cache(workflow: Workflow) -> bool:
    steps = steps_within(workflow.step_by_id, workflow.handlers)
    return any(step.cache is not None for step in steps)


def _reading(foresee: bool) -> Surroundings:
    """What used workflows need from outside; their files are read where it is to be foreseen."""
    if not foresee:
        return Surroundings(bind_used)
    from orchestra.steps.files import file_functions

    return Surroundings(bind_used, files=file_functions)


def _scheduled(plan: Plan, options: PlanOptions) -> Tuple[Plan, Optional[Prediction]]:
    """The plan with the policy that it is run by; one that goes on keeps what it began with."""
    if options.chosen is not None:
        return replace(plan, policy=options.chosen), None
    from orchestra.engine.policies import choose

    return choose(plan, parse_policy(options.policy))


def bind_used(
    workflow: Workflow, values: Mapping[str, Value], today: Optional[datetime.date] = None
) -> Mapping[str, Value]:
    """The params of a workflow that is used by another one, which gives it these values.

    `today` is that of this machine unless it is given.

    Raises:
        ExpressionError: one of them does not fit.
    """
    try:
        return bind(workflow, {}, values, {}, today or datetime.date.today(), workflow.folder)
    except UsageError as fault:
        file = os.path.basename(workflow.path)
        raise ExpressionError("with: %s: %s" % (file, fault)) from None


def tell_warnings(prepared: Prepared, terminal: Terminal) -> None:
    """Show what the author should know, though nothing keeps the file from running."""
    if prepared.warnings:
        color = terminal.look_of("live").color
        terminal.say(messages.format_faults(prepared.warnings, prepared.text, color))


def tell_unread(prepared: Prepared, terminal: Terminal) -> None:
    """Say why a plan knows nothing of earlier runs of which there is a record."""
    if prepared.unread is not None:
        color = terminal.look_of("live").color
        terminal.say(messages.format_unread(prepared.unread, color))


def has_errors(faults: Sequence[Fault]) -> bool:
    """Whether one of the faults is more than a warning."""
    return any(fault.severity == "error" for fault in faults)


def _faulty(found: Read, problems: Sequence[Problem]) -> WorkflowError:
    """Problems of this run, at their places in the file."""
    return WorkflowError(found.loaded.located(problems), found.loaded.text)


class _Past:
    """The earlier runs; they are looked for, and what reads them is imported, when first asked."""

    def __init__(
        self, path: str, options: PlanOptions, environ: Mapping[str, str], here: str
    ) -> None:
        self._path = path
        self._named = options.state_dir or environ.get("ORCHESTRA_STATE_DIR")
        self._here = here
        self._store: Optional[RunStore] = None

    def __enter__(self) -> _Past:
        return self

    def __exit__(self, *_: object) -> None:
        if self._store is not None:
            self._store.close()

    def state(self) -> StateDirectory:
        """The workflow's state directory."""
        from orchestra.store.directory import locate

        return locate(self._named, self._path, self._here)

    def store(self) -> RunStore:
        """The runs in it."""
        if self._store is None:
            from orchestra.store.sqlite import RunStore

            self._store = RunStore(self.state())
        return self._store

    def samples(self, workflow: Workflow, runs: int) -> Mapping[str, Sequence[Sample]]:
        """What the steps of the file came to before; nothing where there is no record yet.

        Raises:
            StoreError: there is one, and it cannot be read.
        """
        if not runs or not self.state().has_record:
            return {}
        from orchestra.store.samples import read_samples

        steps = sum(1 for _ in steps_within(workflow.step_by_id, workflow.handlers))
        return read_samples(self.store(), workflow.path, steps, runs)

    def cache(self, workflow: Workflow) -> Cache:
        """What tells which steps are up to date."""
        from orchestra.cli.caching import step_cache

        return step_cache(workflow.folder, self.store())


def _selection(found: Read, options: PlanOptions, past: _Past) -> Selection:
    chosen = choice.Choice(
        tuple(options.only), tuple(options.start), tuple(options.until), tuple(options.skip)
    )
    selection = choice.select(found.graph, chosen, found.workflow.handlers)
    if not selection.wanted:
        return selection
    outputs = past.store().latest_outputs(found.workflow.path, selection.wanted)
    return selection._replace(past=outputs)


def _room(workflow: Workflow, options: PlanOptions, environ: Mapping[str, str]) -> Room:
    given = {**workflow.budget, **parse_budget(options.budget)}
    defaults = machine_amounts()
    devices = visible_devices(environ)
    if options.jobs is not None:
        defaults["cpu"] = options.jobs * 1000
    if given.get("gpu", 0) > len(devices):
        if "CUDA_VISIBLE_DEVICES" in environ:
            raise UsageError(
                "the budget has %d gpu, CUDA_VISIBLE_DEVICES leaves %d to use"
                % (given["gpu"], len(devices)),
                "--budget gpu=%d" % len(devices),
            )
        devices = tuple(range(given["gpu"]))
    defaults["gpu"] = len(devices)
    return Room(given, defaults, devices)
