"""`orchestra import`."""

from __future__ import annotations

import math
import os
import sys
from typing import TYPE_CHECKING, List, Optional

import typer

from orchestra.cli import options
from orchestra.cli.completion import complete_formats
from orchestra.cli.terminal import Terminal
from orchestra.errors import UsageError, WorkflowError

if TYPE_CHECKING:
    from orchestra.formats.trace import Trace

FORMATS = ("wfformat",)
MOST_SCALE = 10**9


def import_(
    format: str = typer.Argument(
        ..., metavar="FORMAT", hidden=True, autocompletion=complete_formats
    ),
    file: str = options.FILE,
    output: Optional[str] = typer.Option(
        None,
        "-o",
        "--output",
        metavar="PATH",
        help="The file to write; - is standard output, the default.",
    ),
    force: bool = typer.Option(False, "--force", help="Write over PATH where it is there already."),
    scale: str = typer.Option(
        "1", "--scale", metavar="FACTOR", help="How much of its time a task takes."
    ),
    simulate: bool = typer.Option(
        False, "--simulate", help="Tell how long a run would take; without -o write nothing."
    ),
    jobs: Optional[int] = options.JOBS,
    budget: List[str] = options.BUDGET,
) -> None:
    """Make a workflow of another tool's file.

    FORMAT is `wfformat`: a trace of a scientific workflow, as WfCommons has them, of the versions
    1.4 to 1.6. Each task becomes a step that sleeps for as long as the task took. -j and --budget
    are for --simulate.

    Example: orchestra import wfformat trace.json --scale 0.01 -o trace.yaml
    """
    from orchestra.cli.outputs import check_output, write_output
    from orchestra.formats.sleeping import render_sleeping
    from orchestra.formats.wfformat import read_wfformat
    from orchestra.reports.report_file import STDOUT, is_special

    options.check_choice("format", format, FORMATS)
    factor = _parse_scale(scale)
    if (jobs is not None or budget) and not simulate:
        raise UsageError("-j and --budget are for --simulate", "add it, or leave them to the run")
    if output is not None:
        check_output("-o", output)
        if os.path.lexists(output) and not is_special(output) and not force:
            raise UsageError("%s is there already" % output, "name another one, or add --force")
    if simulate and output == STDOUT:
        raise UsageError(
            "--simulate tells on standard output how long a run would take", "name a file after -o"
        )
    terminal = Terminal(dict(os.environ))
    trace = read_wfformat(file)
    text = render_sleeping(trace, factor)
    if output is not None or not simulate:
        write_output(output or STDOUT, text)
    if output is not None and not is_special(output):
        terminal.say("wrote %s; next: orchestra run %s" % (output, output))
    if simulate:
        wanted = options.PlanOptions(jobs=jobs, budget=budget)
        _simulate(trace, factor, file, text, wanted, terminal)


def _parse_scale(text: str) -> float:
    """The factor that `--scale` gives.

    Raises:
        UsageError: it is none.
    """
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    # below 0 by its sign: -0.0 is no less than 0
    if not (factor <= MOST_SCALE and math.copysign(1, factor) > 0):
        hint = "write a number from 0 to %d, as in --scale 0.01" % MOST_SCALE
        raise UsageError("--scale %s is no factor" % text, hint)
    return factor


def _simulate(
    trace: Trace,
    scale: float,
    file: str,
    text: str,
    wanted: options.PlanOptions,
    terminal: Terminal,
) -> None:
    """Tell what the workflow would take here, beside what the trace took.

    Raises:
        WorkflowError: some tasks of the trace in `file` ask for more than there is.
    """
    from orchestra.cli.prepare import prepare
    from orchestra.engine.simulate import predict
    from orchestra.formats.sleeping import problems_in_trace
    from orchestra.formats.wfformat import error_in_wfformat
    from orchestra.model.units import format_duration
    from orchestra.reports.plan_table import render_plan_facts

    environ = dict(os.environ)
    try:
        plan = prepare(file, wanted, environ, os.getcwd(), data=text.encode(), runs=0).plan
    except WorkflowError as fault:
        raise error_in_wfformat(file, problems_in_trace(trace, fault.faults)) from None
    more = []
    if trace.makespan_s is not None:
        words = format_duration(trace.makespan_s)
        if scale != 1:
            words += ", scaled " + format_duration(trace.makespan_s * scale)
        more.append(("in the trace", words))
    look = terminal.look(sys.stdout)
    terminal.out(render_plan_facts(plan, predict(plan), terminal.width, look, more))
