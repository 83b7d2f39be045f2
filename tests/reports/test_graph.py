from __future__ import annotations

import random
from typing import Dict, List, Sequence
from xml.etree import ElementTree

import pytest

from orchestra.model.events import PlannedEntry, RunStarted, StepsAdded
from orchestra.reports.critical_path import critical_path
from orchestra.reports.graph.groups import MOST_GROUPS, group_steps
from orchestra.reports.graph.layers import Edge, lay_out
from orchestra.reports.graph.run_graph import render_run_svg, run_graph
from tests.subscribers.stories import Story

CPU = {"cpu": 1000}


def begun(needs_by_step: Dict[str, Sequence[str]]) -> Story:
    """The start of a run of these steps."""
    entries = tuple(PlannedEntry(s, s, tuple(needs), CPU) for s, needs in needs_by_step.items())
    started = RunStarted("r1", "wf", "/w", {}, CPU, None, None, "h", 1, "0", {}, entries)
    return Story().tell(0, started)


def fanned(count: int) -> Story:
    """`list`, then `fan` of so many instances, the last of which failed, then `below`."""
    story = begun({"list": [], "fan": ["list"], "below": ["fan"]})
    story.start(1, "list").end(2, "list", "succeeded")
    ids = ["fan[%d]" % number for number in range(count)]
    story.tell(2, StepsAdded(tuple(PlannedEntry(i, i, (), CPU, "fan", "instance") for i in ids)))
    for number, id in enumerate(ids):
        story.start(3, id).end(4 + number, id, "failed" if id == ids[-1] else "succeeded")
    return story


def titles(story: Story) -> List[str]:
    record = story.record()
    return [node.title for node in run_graph(group_steps(record), (), {}).nodes]


@pytest.mark.parametrize("seed", range(20))
def test_what_is_needed_stands_above_and_nothing_overlaps(seed: int) -> None:
    chance = random.Random(seed)
    count = chance.randrange(1, 40)
    edges = [(a, b) for b in range(count) for a in range(b) if chance.random() < 0.1]
    layout = lay_out(count, edges)
    assert all(layout.layer[upper] < layout.layer[lower] for upper, lower in edges)
    places = sorted(zip(layout.layer, layout.x))
    beside = [(a, b) for a, b in zip(places, places[1:]) if a[0] == b[0]]
    assert all(right[1] - left[1] > 1 - 1e-9 for left, right in beside)
    assert min(layout.x) == pytest.approx(0)
    spans = {(a, b): layout.layer[b] - layout.layer[a] - 1 for a, b in edges}
    assert {edge: len(bends) for edge, bends in layout.bends.items()} == spans


def test_lines_that_need_not_cross_do_not() -> None:
    edges: List[Edge] = [(0, 3), (1, 2), (2, 4), (3, 5)]
    x = lay_out(6, edges).x
    assert (x[0] < x[1]) == (x[3] < x[2]) == (x[5] < x[4])


def test_a_chain_is_a_straight_line() -> None:
    assert lay_out(4, [(0, 1), (1, 2), (2, 3)]).x == (0, 0, 0, 0)


def test_a_circle_does_no_harm() -> None:
    assert lay_out(2, [(0, 1), (1, 0)]).layers == 1


def test_a_small_fan_out_stands_apart() -> None:
    assert titles(fanned(3)) == ["list", "fan[0]", "fan[1]", "fan[2]", "below"]


def test_a_fan_out_of_a_thousand_is_one_node_with_counts() -> None:
    record = fanned(1000).record()
    graph = run_graph(group_steps(record), (), {})
    assert [node.title for node in graph.nodes] == ["list", "fan ×1000", "below"]
    assert graph.nodes[1].shares == (("succeeded", 999), ("failed", 1))
    assert "999 succeeded" in graph.nodes[1].label
    assert graph.edges == ((0, 1), (1, 2))


def test_steps_with_the_same_neighbours_go_together_when_there_are_many() -> None:
    wide = {"s%d" % number: ["first"] for number in range(MOST_GROUPS)}
    assert titles(begun({"first": [], **wide, "last": list(wide)})) == ["first", "s0 +149", "last"]


def test_ten_thousand_steps_are_few_nodes() -> None:
    chance = random.Random(1)
    needs = {
        "s%d" % n: ["s%d" % chance.randrange(n - 200, n - 100)] if n >= 200 else []
        for n in range(10_000)
    }
    grouping = group_steps(begun(needs).record())
    assert len(grouping.groups) <= MOST_GROUPS
    assert sum(len(group.leaves) for group in grouping.groups) == 10_000
    assert all(upper < lower for upper, lower in grouping.edges)


def test_edges_that_others_imply_are_left_out_where_there_are_many() -> None:
    needs = {"s%d" % n: ["s%d" % m for m in range(n)] for n in range(40)}
    assert group_steps(begun(needs).record()).edges == tuple((n, n + 1) for n in range(39))


def test_the_critical_path_goes_by_what_was_waited_for() -> None:
    story = begun({"a": [], "b": [], "c": ["a", "b"], "d": []})
    story.start(0, "a").start(0, "b").start(0, "d")
    story.end(5, "b", "succeeded").end(3, "a", "succeeded").end(4, "d", "succeeded")
    story.start(5, "c").end(9, "c", "succeeded")
    assert critical_path(story.record()) == ["b", "c"]


def test_the_critical_path_goes_through_instances() -> None:
    assert critical_path(fanned(3).record()) == ["list", "fan[2]"]


def test_a_run_without_a_step_has_an_empty_picture() -> None:
    assert render_run_svg(begun({}).record()).count("<g ") == 0


def test_names_are_only_text() -> None:
    svg = render_run_svg(begun({'</text><script>"&\x1b[2J': []}).record())
    assert "<script" not in svg
    assert "\x1b" not in svg
    assert "&lt;script&gt;" in svg


def test_a_picture_is_xml_whatever_a_step_is_called() -> None:
    svg = render_run_svg(begun({"a\ufffe\uffff\x00\x1b\ud800": []}).record())
    title = ElementTree.fromstring(svg).find(".//{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert "a\\ufffe\\uffff\\x00\\e\\ud800" in "".join(title.itertext())
