"""The graph of a run: which boxes, frames and arrows, and that dot can read it."""

from __future__ import annotations

from orchestra.model.events import PlannedEntry, StepsAdded
from orchestra.model.record import RunRecord
from orchestra.reports.graph.run_text import render_run_dot, render_run_mermaid, run_graph
from tests.golden import recorded
from tests.subscribers.stories import Story


def fanned_out() -> RunRecord:
    """A step, a fan-out of two that needs nothing else, a handler of it."""
    entries = [
        PlannedEntry("b[0]", "b[0]", (), {"cpu": 1000}, "b", "instance"),
        PlannedEntry("b[1]", "b[1]", (), {"cpu": 1000}, "b", "instance"),
    ]
    story = Story().begin(["a", "b"]).tell(0, StepsAdded(tuple(entries)))
    story.start(0, "b[0]").end(1, "b[0]", "succeeded").start(0, "b[1]").end(2, "b[1]", "failed")
    return story.part(3, "b", "on_failure", "succeeded").record()


def test_a_fan_out_is_one_box_with_a_count() -> None:
    graph = run_graph(fanned_out())
    assert [(node.label, node.inner) for node in graph.nodes] == [
        ("· a pending", ()),
        ("● b 2/2 running", ()),
    ]


def test_expanded_it_is_a_frame_around_its_instances() -> None:
    graph = run_graph(fanned_out(), expanded=True)
    frame = graph.nodes[1]
    assert [(node.label, node.style) for node in frame.inner] == [
        ("✓ b[0] 1.0s", "good"),
        ("✗ b[1] 2.0s", "bad"),
    ]
    lines = render_run_mermaid(fanned_out(), expanded=True).splitlines()
    assert lines[2:7] == [
        '    subgraph s1["#9679; b 2/2 running"]',
        '        s2["#10003; b#91;0#93; 1.0s"]:::good',
        '        s3["#10007; b#91;1#93; 2.0s"]:::bad',
        "    end",
        "    class s1 busy",
    ]


def test_arrows_lead_from_and_to_frames() -> None:
    text = render_run_dot(fanned_out(), expanded=True)
    assert "compound=true" in text
    assert "subgraph cluster_s1 {" in text


def test_the_chain_that_the_run_waited_for_is_drawn_thick() -> None:
    lines = render_run_mermaid(recorded.record()).splitlines()
    thick = [line.strip() for line in lines if "==>" in line]
    assert thick == ["s0 ==> s2", "s2 ==> s4", "s4 ==> s6"]


def test_names_cannot_end_their_quotes() -> None:
    name = 'a"];x-->y\\n"\\\n'
    record = Story().begin([name], name).record()
    assert render_run_mermaid(record).splitlines()[1].count('"') == 2
    (line,) = [line for line in render_run_dot(record).splitlines() if "label=" in line]
    assert '\\"];x-->y' in line
