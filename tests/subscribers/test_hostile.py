"""Whatever names, reasons and output say, the terminal and the CI take it as text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.engine.replay import Replay
from orchestra.model.events import Noted, StopRequested
from orchestra.model.look import Look
from orchestra.model.run import AttemptKey
from orchestra.reports.failure import failure_text
from orchestra.reports.summary import render_summary
from orchestra.subscribers.grouping import GithubGrouping, NoGrouping
from orchestra.subscribers.jsonlines import JsonLines
from orchestra.subscribers.live import LiveView
from orchestra.subscribers.plain import PlainView
from orchestra.subscribers.stream import StreamView
from tests.subscribers.screens import Pages
from tests.subscribers.stories import T0, MadeLogs, Story, turn_of

BAD = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
OURS = re.compile("\x1b\\[(?:[0-9]*m|1A|2K|\\?25[lh]|\\?7[lh])|\r")
PIECES = [
    "\x1b[2J",
    "\x1b]0;t\x07",
    "\x1bc",
    "\x9b1A",
    "\r",
    "\n",
    "\x00",
    "\u202e",
    "\ud83d",
    "::error::x",
    "::t0k::",
    "##[add-mask]x",
    "\n::add-mask::x\n",
    "%0A",
    "word",
    "東",
    "\u200d",
    " ",
]
HOSTILE = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)


def hostile_story(name: str, reason: str, state: str) -> Story:
    story = Story().begin(["a", name or "b"], name, {"a": name}).start(0, "a")
    story.tell(0, Noted("a", reason), StopRequested(reason, True))
    return story.end(1, "a", state, reason, "logs/" + name).finish(2, "failed", 1, reason)


def summary_of(record: object) -> str:
    return ""


@pytest.mark.parametrize("state", ["failed", "succeeded"])
@given(name=HOSTILE, reason=HOSTILE, output=HOSTILE)
def test_no_control_reaches_the_plain_view(state: str, name: str, reason: str, output: str) -> None:
    pages = Pages()
    replay, turn = turn_of(hostile_story(name, reason, state))
    logs = MadeLogs({"logs/" + name: output.encode("utf-8", "surrogatepass")})
    view = PlainView(
        pages, replay, logs, NoGrouping(), lambda run: render_summary(run, 80, Look(), logs)
    )
    view.handle(turn)
    assert BAD.search(pages.text) is None


@given(name=HOSTILE, reason=HOSTILE, output=HOSTILE)
def test_github_gets_no_order_but_ours(name: str, reason: str, output: str) -> None:
    pages = Pages()
    replay, turn = turn_of(hostile_story(name, reason, "failed"))
    logs = MadeLogs({"logs/" + name: output.encode("utf-8", "surrogatepass")})
    # A step cannot know the token: what it prints of it is told apart by its own spelling.
    view = PlainView(
        pages,
        replay,
        logs,
        GithubGrouping("secret"),
        lambda run: render_summary(run, 80, Look(), logs),
    )
    view.handle(turn)
    heard = re.sub("::stop-commands::secret\n.*?::secret::\n", "", pages.text, flags=re.DOTALL)
    orders = [line for line in heard.split("\n") if line.lstrip().startswith("::")]
    assert [line.split("::")[1].split(" ")[0] for line in orders] == ["error"]
    assert "##[" not in "".join(line for line in heard.split("\n") if line not in orders)


@given(name=HOSTILE, reason=HOSTILE, output=HOSTILE)
def test_no_control_reaches_the_stream_view(name: str, reason: str, output: str) -> None:
    pages, replay = Pages(), Replay()
    story = hostile_story(name, reason, "failed")
    view = StreamView(pages, replay, NoGrouping(), summary_of)
    replay.apply(story.envelopes)
    view.handle(story.envelopes[:1])
    view.output(AttemptKey(name or "b", 1), output.encode("utf-8", "surrogatepass"))
    view.handle(story.envelopes[1:])
    assert BAD.search(pages.text) is None


@given(name=HOSTILE, reason=HOSTILE, output=HOSTILE)
def test_live_frames_hold_no_sequence_but_ours(name: str, reason: str, output: str) -> None:
    pages, replay = Pages(), Replay()
    story = hostile_story(name, reason, "failed")
    data = output.encode("utf-8", "surrogatepass")
    logs = MadeLogs({"logs/" + name: data})
    look = Look(color=True)
    view = LiveView(
        pages,
        replay,
        lambda step: failure_text(step, logs, 80, look),
        lambda run: render_summary(run, 80, look, logs),
        look,
        lambda: (80, 24),
    )
    replay.apply(story.envelopes[:4])
    view.handle(story.envelopes[:4])
    view.output(AttemptKey("a", 1), data)
    view.tick(T0 + 1)
    replay.apply(story.envelopes[4:])
    view.handle(story.envelopes[4:-1])
    view.tick(T0 + 2)
    view.handle(story.envelopes[-1:])
    assert BAD.search(OURS.sub("", pages.text)) is None
    assert pages.text.encode("utf-8")


@given(name=HOSTILE, reason=HOSTILE)
def test_no_control_reaches_the_json_lines(name: str, reason: str) -> None:
    pages = Pages()
    JsonLines(pages).handle(hostile_story(name, reason, "failed").envelopes)
    assert re.fullmatch("[ -~\n]*", pages.text)
