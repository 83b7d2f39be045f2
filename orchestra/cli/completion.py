"""What the shell completes: run ids, step ids, words. Imports nothing until it is asked."""

from __future__ import annotations

import os
from typing import Callable, Iterator, List, Sequence

import click

ShellComplete = Callable[[click.Context, click.Parameter, str], List[str]]


def complete_runs(incomplete: str) -> List[str]:
    """Run ids, newest first; never fails."""
    try:
        from orchestra.cli.history import open_store

        store = open_store(None)
        rows = store.runs(50)
        store.close()
    except Exception:
        return []  # a completion has no one to tell
    return [row.run_id for row in rows if row.run_id.startswith(incomplete)]


def complete_steps(incomplete: str) -> List[str]:
    """Step ids of the latest run; never fails."""
    try:
        from orchestra.cli.history import find_run

        record = find_run(None, None).record
    except Exception:
        return []  # a completion has no one to tell
    return [step for step in record.step_by_id if step.startswith(incomplete)]


def complete_choice(ctx: click.Context, param: click.Parameter, incomplete: str) -> List[str]:
    """Step ids of the workflow file that is on the command line; never fails."""
    files = filter(os.path.isfile, _words(ctx))
    steps: List[str] = next(filter(None, map(_steps_of, files)), [])
    typed = _typed(incomplete)
    return [id for id in steps if id.startswith(typed)]


def _words(ctx: click.Context) -> Iterator[str]:
    """What may be the workflow file: the argument, else any word; bash tells of those to come."""
    if ctx.params.get("file"):
        yield ctx.params["file"]
    yield from ctx.args  # an option that still wants its value leaves the arguments unread
    yield from _line().split()


def _line() -> str:
    """The whole command line in bash, with a space between words; empty in other shells."""
    return os.environ.get("COMP_WORDS", "")


def _typed(incomplete: str) -> str:
    """What stands before the cursor: typer takes the next word for an empty one in the middle."""
    return "" if "  " in _line() else incomplete


def _steps_of(file: str) -> List[str]:
    """The ids of the steps in a workflow file; none in any other."""
    try:
        from orchestra.spec.document import read_document
        from orchestra.spec.files import read_file

        return list(read_document(file, read_file(file)).root["steps"])
    except Exception:
        return []  # a completion has no one to tell


def completing(words: Sequence[str]) -> ShellComplete:
    """What completes one of these words; never fails."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> List[str]:
        typed = _typed(incomplete)
        return [word for word in words if word.startswith(typed)]

    return complete


def complete_executors(ctx: click.Context, param: click.Parameter, incomplete: str) -> List[str]:
    """The names of executors, those of other packages among them; never fails."""
    try:
        from orchestra.model.executor_names import known_executors

        return [name for name in known_executors() if name.startswith(_typed(incomplete))]
    except Exception:
        return []  # a completion has no one to tell


def complete_formats(incomplete: str) -> List[str]:
    """The formats that `import` reads."""
    from orchestra.cli.commands.import_ import FORMATS

    return [format for format in FORMATS if format.startswith(incomplete)]


def complete_test_files(incomplete: str) -> List[str]:
    """The files of tests that begin so, and the folders; never fails."""
    try:
        folder, start = os.path.split(incomplete)
        names = sorted(name for name in os.listdir(folder or ".") if name.startswith(start))
        paths = [os.path.join(folder, name) for name in names if start or name[0] != "."]
    except OSError:
        return []
    found = [path for path in paths if path.endswith((".test.yaml", ".test.yml"))]
    return found + [path + "/" for path in paths if os.path.isdir(path)]


def complete_cases(ctx: click.Context, param: click.Parameter, incomplete: str) -> List[str]:
    """The names of the cases in the files that are on the command line; never fails."""
    try:
        from orchestra.spec.document import read_document
        from orchestra.spec.files import read_file

        # an option that still wants its value leaves the arguments unread
        files = [*(ctx.params.get("files") or ()), *ctx.args]
        names = [
            name for file in files for name in read_document(file, read_file(file)).root["cases"]
        ]
    except Exception:
        return []  # a completion has no one to tell
    return [name for name in names if name.startswith(incomplete)]
