from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Dict, List, Mapping, Optional, Tuple

import pytest

from orchestra.model.events import AlertSent, Noted, OutputsTaken, StepEnded
from orchestra.reports.html.moments import Period, tick_text
from orchestra.reports.html.page import render_html
from orchestra.reports.html.usage import curve_of
from tests.reports.test_graph import begun, fanned
from tests.subscribers.stories import T0, MadeLogs, Story

HOSTILE = "</script></pre><img src=x onerror=alert(1)>\"'`|\n\x1b[2J\u202e\ud800${x} $name"


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text by tag."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: List[Tuple[str, Dict[str, Optional[str]]]] = []
        self.text_by_tag: Dict[str, List[str]] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: List[Tuple[str, Optional[str]]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text_by_tag.setdefault(self.tags[-1][0] if self.tags else "", []).append(data)

    @property
    def links(self) -> List[str]:
        return [attrs["href"] or "" for _, attrs in self.tags if "href" in attrs]


def render_timeline_of(story: Story) -> str:
    """The part of the page from the heading of the timeline on."""
    page = render_html(story.record())
    return page[page.index('<h2 id="timeline">') : page.index('<h2 id="usage">')]


def failed(log: bytes, **texts: str) -> str:
    """The page of a run whose only step failed."""
    name = texts.get("step", "a")
    story = Story().begin([name], texts.get("workflow", "wf"), {name: texts.get("name", name)})
    story.start(1, name).end(3, name, "failed", texts.get("reason", "no"), "logs/a.1.log")
    story.tell(3, Noted(name, texts.get("note", "")), AlertSent("e", "w", "t", False, HOSTILE))
    record = story.finish(4, "failed", 1).record()
    return render_html(record, MadeLogs({"logs/a.1.log": log}, "/w/.orchestra/runs/r/"), "/w/out")


def test_nothing_that_comes_from_outside_is_markup() -> None:
    plain = Page(failed(b"x"))
    texts = dict.fromkeys(("step", "workflow", "name", "reason", "note"), HOSTILE)
    text = failed(HOSTILE.encode("utf-8", "surrogatepass") + b"\xff\x00", **texts)
    page = Page(text)
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain.tags]
    assert {name for _, attrs in page.tags for name in attrs if name.startswith("on")} == set()
    assert re.search("[\x00-\x09\x0b-\x1f\u202e\ud800]", text) is None


def test_the_policy_allows_the_script_and_the_style_of_the_page_alone() -> None:
    page = Page(failed(b"x"))
    [policy] = [a["content"] or "" for tag, a in page.tags if tag == "meta" and "http-equiv" in a]
    allowed = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert allowed["default-src"] == allowed["base-uri"] == allowed["form-action"] == "'none'"
    assert "connect-src" not in allowed
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        content = "".join(page.text_by_tag[tag][:1])
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert allowed[directive] == "'sha256-%s'" % digest
    assert [attrs for _, attrs in page.tags if "style" in attrs or "src" in attrs] == []


def test_links_stay_within_the_page_or_lead_to_logs() -> None:
    links = set(Page(failed(b"x")).links)
    logs = {link for link in links if link[0] not in "#d"}
    assert logs == {"../.orchestra/runs/r/logs/a.1.log"}
    assert "data:," in links


def test_only_the_end_of_a_long_log_is_in_the_page() -> None:
    page = failed(b"begin\n" + b"x" * 99 + b"\n" + b"line\n" * 100_000 + b"last\n")
    assert "begin" not in page
    assert "\nlast</pre>" in page
    assert "KiB before this" in page
    assert len(page) < 100_000


def test_a_log_that_is_gone_is_told_of() -> None:
    story = Story().begin(["a"]).start(1, "a").end(2, "a", "failed", "no", "logs/a.1.log")
    page = render_html(story.finish(3, "failed", 1).record(), MadeLogs({}), "/w")
    assert "The log cannot be read: No such file or directory." in page


def test_a_run_that_goes_on_has_its_page() -> None:
    page = render_html(Story().begin(["a", "b"]).start(1, "a").record())
    assert '<li class="lane running critical">' not in page
    assert '<li class="lane running">' in page
    assert "What went wrong" not in page


def test_outputs_of_any_kind_are_shown() -> None:
    outputs = {"n": [1, {"a": None}], "big": "x" * 200_000, HOSTILE: HOSTILE}
    story = Story().begin(["a"]).start(1, "a").tell(2, OutputsTaken("a", outputs))
    page = render_html(story.tell(2, StepEnded("a", "succeeded", "", outputs)).record())
    assert "<b>output n</b> [1,{&quot;a&quot;:null}]" in page
    assert len(page) < 60_000


@pytest.mark.parametrize("log", [b"fine\n" * 3, b"<\xff\x00>" * 5000], ids=["short", "hostile"])
def test_ten_thousand_steps_take_less_than_5_mb(log: bytes) -> None:
    ids = ["step-%d" % number for number in range(10_000)]
    story = begun({id: [] for id in ids})
    for number, id in enumerate(ids):
        story.start(1, id).end(2 + number / 100, id, "succeeded", "it needs nothing", "log")
    page = render_html(story.finish(200, "succeeded", 0).record(), MadeLogs({"log": log}), "/w")
    assert len(page.encode()) < 5_000_000
    assert page.count("<tr id=s") == 10_000


def test_failures_have_their_place_where_there_is_no_room_for_all() -> None:
    ids = ["%d %s" % (number, "x" * 150) for number in range(15_000)]
    story = begun({id: [] for id in ids})
    for id in ids:
        state = "failed" if id == ids[-1] else "succeeded"
        story.start(1, id).end(2, id, state, "y" * 300)
    page = render_html(story.record())
    assert "14999 xxx" in page
    assert re.search("[0-9]+ steps are left out, as there is no room.", page)
    assert len(page.encode()) < 5_000_000


def test_only_the_last_of_many_attempts_are_told_of() -> None:
    story = Story().begin(["a"])
    for number in range(1, 101):
        story.start(number, "a", number).end_attempt(number + 0.5, "a", "no", number, "log")
    page = render_html(story.record(), MadeLogs({"log": b"<" * 100_000}))
    assert "… 80 earlier attempts" in page
    assert "<b>attempt 100</b> failed" in page
    assert len(page) < 1_000_000


def test_many_lanes_with_many_bars_each_stay_small() -> None:
    # in each of 100 layers steps run all the time, with gaps
    needs = {
        "%d-%d" % (layer, n): ["%d-%d" % (layer - 1, (n + 1) % 100), "%d-%d" % (layer - 1, n)]
        if layer
        else []
        for layer in range(100)
        for n in range(100)
    }
    story = begun(needs)
    for id in needs:
        at = int(id.split("-")[1]) * 20
        story.start(at, id).end(at + 10, id, "succeeded")
    assert len(render_timeline_of(story)) < 300_000


def test_a_fan_out_has_one_lane() -> None:
    page = render_html(fanned(1000).record())
    assert page.count('<li class="lane') == 2


def test_the_curve_of_what_is_taken_is_a_sum() -> None:
    curve = curve_of([(T0, T0 + 10, 2.0), (T0 + 5, T0 + 10, 1.0)], Period(T0, T0 + 20))
    assert (max(curve.most), curve.most[0], curve.most[-1]) == (3.0, 2.0, 0.0)
    assert sum(curve.mean) / len(curve.mean) == pytest.approx((20 + 5) / 20)


TICKS: Mapping[float, List[str]] = {
    0.0: ["0", "0.0002s", "0.0004s", "0.0006s", "0.0008s", "0.001s"],
    0.62: ["0", "0.2s", "0.4s", "0.6s"],
    96.6: ["0", "30s", "1m", "1m30s"],
    7200.0: ["0", "30m", "1h", "1h30m", "2h"],
    864000.0: ["0", "2d", "4d", "6d", "8d", "10d"],
}


@pytest.mark.parametrize("length_s", sorted(TICKS))
def test_ticks_are_round(length_s: float) -> None:
    assert [tick_text(tick) for tick in Period(T0, T0 + length_s).ticks()] == TICKS[length_s]
