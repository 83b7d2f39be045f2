"""What a run takes of orchestra itself: for its steps, their output, and the live view.

    python -m tests.benchmarks.running [--steps 10000 100000] [--jobs 2] [--rounds 3] [--seconds 20]
                                       [--megabytes 1000] [--folder F] [--json PATH]

The processes of the steps are not counted. Memory of a step is the peak over that of a run of 100
steps; a ratio of two numbers of steps is that of their CPU a step, of which the start is taken off.
The live view shows 50 steps that sleep, on a terminal of 60 lines: what it takes is the difference
of two runs, of which the one lasts longer by so many seconds. `quiet` is the same without a view.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import statistics
import struct
import tempfile
import termios
from contextlib import suppress
from pathlib import Path
from typing import Dict, List

from tests.benchmarks.contenders import COMMAND_BY_KIND, compile_orchestra, orchestra_run
from tests.benchmarks.descriptions import orchestra
from tests.benchmarks.figures import Figure, tell
from tests.benchmarks.graphs import steps_of, wide
from tests.benchmarks.measuring import measure
from tests.benchmarks.own import Own, own_of, telling

_FEW = 100
_ROWS = 50
_SHORT_S = 5
_SCREEN = (60, 140)  # lines, columns


def own(folder: Path, text: str, jobs: int) -> Own:
    """What orchestra takes itself for a workflow."""
    workflow, usage = folder / "flow.yaml", folder / "usage"
    workflow.write_text(text)
    measure(telling(orchestra_run(workflow, folder / "state", jobs), usage))
    return own_of(usage)


def growth(folder: Path, sizes: List[int], jobs: int, rounds: int) -> List[Figure]:
    """What more steps take."""
    owns: Dict[int, List[Own]] = {size: [] for size in (_FEW, *sizes)}
    for _ in range(rounds):
        for size, found in owns.items():
            steps = steps_of(wide(size), COMMAND_BY_KIND["program"])
            found.append(own(folder, orchestra(steps)["flow.yaml"], jobs))
    cpu_s, peak = (
        {size: statistics.median(each[place] for each in found) for size, found in owns.items()}
        for place in (0, 1)
    )
    figures, first = [], sizes[0]
    for size in sizes:
        what = "%d steps" % size
        figures.append(Figure(what, cpu_s[size] / size * 1e6, "us CPU/step", 175))
        a_step = (peak[size] - peak[_FEW]) / (size - _FEW)
        figures.append(Figure(what + ", memory", a_step, "B/step", 3000))
    for size in sizes[1:]:
        each, before = ((cpu_s[n] - cpu_s[_FEW]) / (n - _FEW) for n in (size, first))
        figures.append(Figure("%d steps, %d = 1" % (size, first), each / before, "times", 1.2))
    return figures


def output(folder: Path, megabytes: int, jobs: int, rounds: int) -> List[Figure]:
    """What a step takes that writes so much."""
    text = "version: 1\nsteps:\n  write: {shell: sh, run: head -c %d000000 /dev/zero}\n"
    few = [own(folder, text % 1, jobs) for _ in range(rounds)]
    many = [own(folder, text % megabytes, jobs) for _ in range(rounds)]
    cpu_s, peak = (
        statistics.median(b[place] - a[place] for a, b in zip(few, many)) for place in (0, 1)
    )
    what = "%d MB of output" % megabytes
    return [
        Figure(what, cpu_s, "s CPU", 2e-3 * megabytes),
        Figure(what + ", memory", peak / 1e6, "MB", 1),
    ]


def share_of_a_core(folder: Path, view: str, seconds: int) -> float:
    """What goes on while so many steps sleep, in percent."""
    short, long = (_watched(folder, view, _SHORT_S + more) for more in (0, seconds))
    return (long.cpu_s - short.cpu_s) / seconds * 100


def _watched(folder: Path, view: str, seconds: int) -> Own:
    """A run of steps that sleep, on a terminal that takes all that it is sent."""
    steps = steps_of(wide(_ROWS), ["sleep", str(seconds)])
    (folder / "flow.yaml").write_text(orchestra(steps)["flow.yaml"])
    run = orchestra_run(folder / "flow.yaml", folder / "state", _ROWS)
    run = telling(run, folder / "usage")
    run.prepare()
    argv = [*run.argv[:-1], view, "--budget", "cpu=%d" % _ROWS]
    pid, terminal = pty.fork()
    if not pid:
        try:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", *_SCREEN, 0, 0))
            os.execvpe(argv[0], argv, {**os.environ, **run.environ, "TERM": "xterm-256color"})
        finally:
            os._exit(127)  # this copy of the benchmark must not go on as one
    with suppress(OSError):  # Linux: the other end is closed
        while os.read(terminal, 1 << 16):
            pass
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    if status:
        raise SystemExit("the run to be watched failed: %d" % status)
    return own_of(folder / "usage")


def main() -> None:
    """Measure, say and write what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--folder")
    parser.add_argument("--json", dest="json_path")
    chosen = parser.parse_args()
    compile_orchestra()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name)
        figures = [
            *growth(folder, chosen.steps, chosen.jobs, chosen.rounds),
            *output(folder, chosen.megabytes, chosen.jobs, chosen.rounds),
        ]
        for view, goal in (("live", 2.0), ("quiet", None)):
            what = "%d steps that sleep, --output %s" % (_ROWS, view)
            share = share_of_a_core(folder, view, chosen.seconds)
            figures.append(Figure(what, share, "% core", goal))
    tell(figures, "median of %d" % chosen.rounds, chosen.json_path)


if __name__ == "__main__":
    main()
