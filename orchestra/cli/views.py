"""Makes the view of a run that a mode of `--output` names. Imports only the one that is wanted."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Callable, Mapping, NamedTuple, Optional

from orchestra.cli.terminal import Terminal
from orchestra.engine.ports import Subscriber
from orchestra.engine.replay import Replay
from orchestra.model.record import RunRecord, StepRecord
from orchestra.model.run import AttemptKey
from orchestra.reports.failure import failure_text
from orchestra.reports.log_file import LogFolder
from orchestra.reports.summary import render_summary, totals_line
from orchestra.subscribers.screen import Screen

if TYPE_CHECKING:
    from orchestra.model.plan import Plan
    from orchestra.subscribers.expectation import Expectation

_PATIENCE_S = 0.05


class View(NamedTuple):
    """A listener, and the further calls it wants, where it does.

    `patience_s` is how long events may wait before it is told, so that they come in batches.
    """

    subscriber: Subscriber
    on_output: Optional[Callable[[AttemptKey, bytes], None]] = None
    ticker: Optional[Callable[[float], None]] = None
    patience_s: float = 0.0


def planned_expectation(plan: Plan) -> Optional[Expectation]:
    """How long the steps of a plan are expected to take."""
    from orchestra.engine.simulate import predict
    from orchestra.subscribers.expectation import expectation_of

    return expectation_of(plan, predict(plan))


def make_view(
    mode: str,
    terminal: Terminal,
    screen: Screen,
    replay: Replay,
    expect: Callable[[], Optional[Expectation]],
    run_dir: str,
    folder: str,
    environ: Mapping[str, str],
    is_ours: Callable[[], bool],
) -> View:
    """The view for one of `terminal.MODES`; a live one draws while the terminal `is_ours`.

    `expect` tells, where that is shown, how long things take; `folder` is that of the workflow
    file, in which steps work.
    """
    logs = LogFolder(run_dir)
    look = terminal.look_of(mode)

    def summarize(record: RunRecord) -> str:
        is_live = mode == "live"
        tail_lines = 0 if is_live else 10  # the live view has shown each failure
        # the others have said them when they came, in lines that stay
        return render_summary(record, terminal.width, look, logs, tail_lines, is_live)

    def describe(step: StepRecord) -> str:
        return failure_text(step, logs, terminal.width, look)

    if mode == "live":
        from orchestra.subscribers.live import LiveView

        size = terminal.size
        live = LiveView(screen, replay, describe, summarize, look, size, expect(), is_ours)
        return View(live, live.output, live.tick)
    if mode == "json":
        from orchestra.subscribers.jsonlines import JsonLines

        return View(JsonLines(screen), patience_s=_PATIENCE_S)
    if mode == "quiet":
        from orchestra.subscribers.quiet import QuietView

        return View(QuietView(screen, replay, describe, lambda r: totals_line(r, look) + "\n"))
    from orchestra.reports.sources import Sources
    from orchestra.subscribers.grouping import grouping_for

    sources = Sources(logs, environ.get("GITHUB_WORKSPACE", ""), folder)
    grouping = grouping_for(environ, secrets.token_hex(16), sources.place)
    if mode == "stream":
        from orchestra.subscribers.stream import StreamView

        stream = StreamView(screen, replay, grouping, summarize)
        return View(stream, stream.output)
    from orchestra.subscribers.plain import PlainView

    plain = PlainView(screen, replay, logs, grouping, summarize)
    return View(plain, patience_s=_PATIENCE_S)
