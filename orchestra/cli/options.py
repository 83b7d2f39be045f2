"""The options that commands share, as typer declares them, and their texts as values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import typer

from orchestra.cli.completion import complete_choice, complete_executors, completing
from orchestra.cli.outputs import check_output
from orchestra.cli.reporting import RENDERERS
from orchestra.cli.terminal import MODES
from orchestra.errors import UsageError
from orchestra.model.units import parse_amount, parse_duration

if TYPE_CHECKING:
    from orchestra.model.expression import Value
    from orchestra.model.plan import Order, Policy
    from orchestra.model.record import RunRecord


def choice(default: object, name: str, words: Sequence[str], help: str) -> Any:
    """An option that takes one of these words, `...` for one that has to be given."""
    return typer.Option(
        default, name, metavar="|".join(words), help=help, shell_complete=completing(words)
    )


# Arguments are told of in the docstrings: not every pair of typer and click shows their help.
FILE = typer.Argument(..., metavar="FILE", hidden=True)
PARAMS = typer.Option(
    [], "-p", "--param", metavar="NAME=VALUE", help="Set a parameter; repeat for more."
)
PARAMS_FILE = typer.Option(
    None, "--params-file", metavar="FILE", help="Parameters from a YAML or JSON file."
)
JOBS = typer.Option(
    None, "-j", "--jobs", min=1, metavar="N", help="At most N steps at once, on N cores."
)
BUDGET = typer.Option(
    [],
    "--budget",
    metavar="cpu=4,memory=8GiB",
    help="What the run may use; wins over the file's budget.",
)
FAIL_FAST = typer.Option(
    None, "--fail-fast/--keep-going", help="Whether the first failure keeps the rest from starting."
)
ONLY = typer.Option(
    [],
    "--only",
    metavar="STEP",
    help="Run STEP alone; repeat for more.",
    shell_complete=complete_choice,
)
FROM = typer.Option(
    [], "--from", metavar="STEP", help="Run STEP and all below it.", shell_complete=complete_choice
)
UNTIL = typer.Option(
    [], "--until", metavar="STEP", help="Run STEP and all above it.", shell_complete=complete_choice
)
SKIP = typer.Option(
    [],
    "--skip",
    metavar="STEP",
    help="Leave STEP out; what is below it runs.",
    shell_complete=complete_choice,
)
FORCE = typer.Option(False, "--force", help="Run steps with a cache as well that are up to date.")
POLICIES = ("best", "path", "fifo")
POLICY = choice(
    None,
    "--policy",
    POLICIES,
    "Which ready step starts first: by the longest path to the end, the first that was ready,"
    " or by what is foretold to end first (default).",
)
EXECUTOR = typer.Option(
    None,
    "--executor",
    metavar="NAME",
    help="Where steps run that do not say it themselves: local, slurm, dask …; with local, all.",
    shell_complete=complete_executors,
)
REPORT = typer.Option(
    [],
    "--report",
    metavar="FORMAT=PATH",
    help="Write a report when the run is over: %s; repeat for more." % ", ".join(RENDERERS),
)
LOG_FILE = typer.Option(
    None,
    "--log-file",
    metavar="PATH",
    help="Add each event to this file, as a line of JSON with a level and a message.",
)
OUTPUT = choice(
    None, "--output", MODES, "How to show the run (default: live on a terminal, else plain)."
)
STATE_DIR = typer.Option(
    None, "--state-dir", metavar="DIR", help="Where runs are recorded (default: .orchestra)."
)


class PlanOptions(NamedTuple):
    """What the command line says about a plan, its texts not yet read.

    `bound` are the values of the params of a run that goes on, `chosen` is its policy; None for a
    new one.
    """

    params: Sequence[str] = ()
    params_file: Optional[str] = None
    jobs: Optional[int] = None
    budget: Sequence[str] = ()
    fail_fast: Optional[bool] = None
    only: Sequence[str] = ()
    start: Sequence[str] = ()
    until: Sequence[str] = ()
    skip: Sequence[str] = ()
    state_dir: Optional[str] = None
    force: bool = False
    bound: Optional[Mapping[str, Value]] = None
    policy: Optional[str] = None
    executor: Optional[str] = None
    chosen: Optional[Policy] = None

    def to_record(self) -> Dict[str, Value]:
        """What a run goes on with that is resumed; `resumed` reads it."""
        given: Dict[str, Value] = {
            "jobs": self.jobs,
            "budget": list(self.budget),
            "fail_fast": self.fail_fast,
            "only": list(self.only),
            "start": list(self.start),
            "until": list(self.until),
            "skip": list(self.skip),
            "force": self.force,
            "policy": self.policy,
            "executor": self.executor,
        }
        return {name: value for name, value in given.items() if value not in (None, [], False)}


def resumed(
    record: RunRecord,
    jobs: Optional[int],
    budget: Sequence[str],
    fail_fast: Optional[bool],
    executor: Optional[str],
    state_dir: Optional[str],
) -> PlanOptions:
    """The options that a run began with, but for those that are given now, and its params."""
    kept: Dict[str, Any] = {
        name: value for name, value in record.options.items() if name in PlanOptions._fields
    }
    given = {
        "jobs": jobs,
        "budget": list(budget),
        "fail_fast": fail_fast,
        "executor": executor,
    }
    kept.update((name, value) for name, value in given.items() if value not in (None, []))
    from orchestra.model.plan import Order, Policy

    chosen = Policy(Order(record.order), record.patience_s)
    kept.update(state_dir=state_dir, bound=record.params, chosen=chosen)
    return PlanOptions(**kept)


def parse_policy(text: Optional[str]) -> Optional[Order]:
    """The order that `--policy` asks for, None for the best one.

    Raises:
        UsageError: there is no such policy.
    """
    from orchestra.model.plan import Order

    if text is None:
        return None
    check_choice("--policy", text, POLICIES)
    return None if text == "best" else Order(text)


def check_executor(name: Optional[str]) -> None:
    """Refuse what a person gives for `--executor` that is none.

    Raises:
        UsageError: there is no such executor.
    """
    from orchestra.model.executor_names import is_executor

    if name is None or is_executor(name):
        return
    from orchestra.spec.executors import hint_for

    raise UsageError("--executor %s is not known" % name, hint_for(name))


def check_choice(option: str, value: str, choices: Sequence[str]) -> None:
    """Refuse a value that is none of the choices of an option.

    Raises:
        UsageError: it is none of them.
    """
    if value not in choices:
        raise UsageError("%s %s is not known" % (option, value), "one of %s" % ", ".join(choices))


def parse_params(texts: Sequence[str]) -> Dict[str, str]:
    """`NAME=VALUE` texts as a mapping, later ones win.

    Raises:
        UsageError: one has no `=`.
    """
    values = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError("-p %s has no value" % text, "write -p NAME=VALUE")
        values[name] = value
    return values


def parse_budget(texts: Sequence[str]) -> Dict[str, int]:
    """`NAME=AMOUNT,…` texts in `Amounts` units, later ones win.

    Raises:
        UsageError: one is no amount of its resource.
    """
    amounts: Dict[str, int] = {}
    for item in ",".join(texts).split(","):
        name, equals, amount = item.strip().partition("=")
        if not item.strip():
            continue
        try:
            if not equals or not name:
                raise ValueError(item)
            amounts[name] = parse_amount(name, amount)
        except ValueError:
            hint = "write amounts as in cpu=4,memory=8GiB,gpu=1,licences=2"
            raise UsageError(
                "--budget %s is no amount of a resource" % item.strip(), hint
            ) from None
    return amounts


def parse_reports(texts: Sequence[str]) -> List[Tuple[str, str]]:
    """The formats and paths of `FORMAT=PATH` texts.

    Raises:
        UsageError: the format is unknown, or the path is none of a file.
    """
    reports = []
    for text in texts:
        kind, _, path = text.partition("=")
        if not path:
            raise UsageError("--report %s is no report" % text, "write --report json=PATH")
        check_choice("--report", kind, tuple(RENDERERS))
        check_output("--report", path)
        reports.append((kind, path))
    return reports


def check_log_file(path: str) -> None:
    """Refuse what can be no file of a log.

    Raises:
        UsageError: it is empty, a folder, or stands for standard output.
    """
    check_output("--log-file", path)
    if path == "-":
        raise UsageError("--log-file - is no file", "--output json writes events to stdout")


def parse_age(text: str) -> float:
    """The seconds of `--older-than`.

    Raises:
        UsageError: it is no duration.
    """
    try:
        return parse_duration(text)
    except ValueError:
        hint = "write it as in 30d, 12h, 1h30m, up to 3650d"
        raise UsageError("--older-than %s is no age" % text, hint) from None
