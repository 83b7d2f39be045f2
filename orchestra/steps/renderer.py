"""Attempts become invocations, by the kind of their body; what they wrote becomes values.

Starts nothing and looks nothing up: programs are found by the executor. It writes private files
only, into folders of the run that are there.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping, Optional

from orchestra.engine.ports import Launching, Written
from orchestra.model.errand import Errand
from orchestra.model.expression import ExpressionError, Scope, Text, fill_text
from orchestra.model.masking import Masker
from orchestra.model.patterns import pattern_problem
from orchestra.model.run import AttemptKey, Invocation, Limits, file_name
from orchestra.model.workflow import (
    Command,
    PythonCall,
    PythonCode,
    PythonFile,
    PythonModule,
    ShellScript,
    Step,
)
from orchestra.steps.artifacts import ArtifactCopy
from orchestra.steps.command import fill_arguments, render_command
from orchestra.steps.direct import DirectCommands
from orchestra.steps.environment import Environments, encode, name_job_server
from orchestra.steps.log_match import with_match
from orchestra.steps.outputs import read_outputs
from orchestra.steps.place import Place
from orchestra.steps.python import render_call, render_code, render_file, render_module
from orchestra.steps.shell import Shells, render_shell
from orchestra.steps.summaries import SUMMARY_SUFFIX, keep_summary

if TYPE_CHECKING:
    from orchestra.model.trace_context import TraceContext

_RENDERERS: Dict[type, Callable[[Any, Launching, Place], Invocation]] = {
    Command: render_command,
    PythonCode: render_code,
    PythonFile: render_file,
    PythonModule: render_module,
    PythonCall: render_call,
}


class StepRenderer:
    """The `Renderer` of one run.

    `run_dir` is the run's folder, absolute, with `logs`, `outputs` and `private` in it; `folder`
    the workflow's, absolute; `environ` what orchestra was started with; `interpreter` the path of
    the Python for steps that name none, orchestra's own unless given; `masker` knows the secrets
    that no output may hold; `trace` is the trace that attempts are told of.
    """

    def __init__(
        self,
        run_dir: str,
        run_id: str,
        folder: str,
        environ: Mapping[str, str],
        interpreter: str = sys.executable,
        masker: Optional[Masker] = None,
        trace: Optional[TraceContext] = None,
    ) -> None:
        self._run_dir = run_dir
        self._logs, self._outputs, self._private = (
            "%s/%s/" % (run_dir, name) for name in ("logs", "outputs", "private")
        )
        self._folder = folder
        self._interpreter = interpreter
        self._masker = masker
        self._environments = Environments(environ, run_id, trace)
        self._commands = DirectCommands()
        self._shells = Shells()

    def render(self, launching: Launching) -> Invocation:
        """The invocation of an attempt; see `Renderer`."""
        key, step, name = launching.key, launching.step, launching.key.file_name
        folder = launching.folder or self._folder
        working_dir = folder
        if step.working_dir is not None:
            working_dir = _working_dir(step.working_dir, launching.scope, folder)
        env = self._environments.environment(launching, working_dir, self._outputs + name)
        is_here = launching.errand is None
        job_server = self.job_server(step, key) if step.jobserver and is_here else None
        if job_server is not None:
            name_job_server(env, launching.jobs, job_server)
        place = Place(
            env,
            working_dir,
            self._logs + name + ".log",
            self._private + name,
            folder,
            self._interpreter,
        )
        body = step.body
        if type(body) is ShellScript:
            invocation = render_shell(body, launching, place, self._commands, self._shells)
        else:
            invocation = _RENDERERS[type(body)](body, launching, place)
        if launching.errand is not None:
            return _elsewhere(invocation, launching.errand)
        if step.enforce:
            invocation = invocation._replace(limits=_limits(launching))
        if job_server is not None:
            invocation = invocation._replace(job_server=job_server)
        return invocation

    def log_path(self, key: AttemptKey) -> str:
        """Where the output of an attempt goes."""
        return self._logs + key.file_name + ".log"

    def job_server(self, step: Step, key: AttemptKey) -> Optional[str]:
        """Where the job server of an attempt is; see `Renderer`."""
        return self._private + key.file_name + ".jobs" if step.jobserver else None

    def outputs(self, step: Step, key: AttemptKey) -> Written:
        """What the attempt left; it has ended."""
        path = self._outputs + key.file_name
        written = read_outputs(path, step.outputs, self._masker)
        size, note = keep_summary(path + SUMMARY_SUFFIX, self._masker)
        if size or note:
            warnings = (*written.warnings, note) if note else written.warnings
            written = written._replace(summary_bytes=size, warnings=warnings)
        if step.retry.when is None:
            return written
        return with_match(written, step, self.log_path(key))

    def artifacts(self, step: Step, scope: Scope, folder: str) -> ArtifactCopy:
        """A copy of the files that the step says to keep; see `Renderer`."""
        assert step.artifacts is not None
        filled = fill_arguments(step.artifacts.paths, scope, "artifacts.paths")
        patterns = [os.fsdecode(raw) for raw in filled]
        for pattern in patterns:
            problem = pattern_problem(pattern)
            if problem or not pattern:
                raise ValueError(problem or "a path of `artifacts` is empty")
        working_dir = folder
        if step.working_dir is not None:
            working_dir = _working_dir(step.working_dir, scope, folder)
        target = "artifacts/" + file_name(step.id)
        return ArtifactCopy(working_dir, patterns, self._run_dir, target, masker=self._masker)


def _working_dir(text: Text, scope: Scope, folder: str) -> str:
    try:
        given = fill_text(text, scope)
    except ExpressionError as fault:
        raise fault.within("working_dir") from None
    encode(given, "working_dir")
    return os.path.join(folder, given) if given else folder


def _elsewhere(invocation: Invocation, errand: Errand) -> Invocation:
    """The same for another machine, which finds the program by itself, and has its own limits."""
    argv = invocation.fallback or invocation.argv  # what of this machine has let it do without
    return invocation._replace(
        argv=argv, executable=None, fallback=None, preload=None, errand=errand
    )


def _limits(launching: Launching) -> Limits:
    """What the step says it takes, as what it may not exceed."""
    given, demand = launching.step.resources, launching.demand
    return Limits(
        demand["memory"] if "memory" in given else None, demand["cpu"] if "cpu" in given else None
    )
