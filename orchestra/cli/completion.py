"""What the shell completes: run ids and step ids. Imports nothing until it is asked."""

from __future__ import annotations

from typing import List

import typer


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


def complete_choice(ctx: typer.Context, incomplete: str) -> List[str]:
    """Step ids of the workflow file that is on the command line; never fails."""
    try:
        from orchestra.spec.document import read_document
        from orchestra.spec.files import read_file

        # an option that still wants its value leaves the arguments unread
        file = ctx.params["file"] or ctx.args[0]
        steps = list(read_document(file, read_file(file)).root["steps"])
    except Exception:
        return []  # a completion has no one to tell
    return [id for id in steps if id.startswith(incomplete)]


def complete_formats(incomplete: str) -> List[str]:
    """The formats that `import` reads."""
    from orchestra.cli.commands.import_ import FORMATS

    return [format for format in FORMATS if format.startswith(incomplete)]


def complete_test_files(incomplete: str) -> List[str]:
    """The files of tests that begin so, and the folders; never fails."""
    import os

    try:
        folder, start = os.path.split(incomplete)
        names = sorted(name for name in os.listdir(folder or ".") if name.startswith(start))
        paths = [os.path.join(folder, name) for name in names if start or name[0] != "."]
    except OSError:
        return []
    found = [path for path in paths if path.endswith((".test.yaml", ".test.yml"))]
    return found + [path + "/" for path in paths if os.path.isdir(path)]


def complete_cases(ctx: typer.Context, incomplete: str) -> List[str]:
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
