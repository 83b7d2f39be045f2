"""A graph as a picture's source: Mermaid and Graphviz. Pure; no name can end its quotes."""

from __future__ import annotations

import re
from typing import Iterator, List, Mapping, NamedTuple, Sequence, Tuple

from orchestra.model.screen_text import safe_line

_MERMAID_SPECIAL = re.compile(r"[^\w .,/=+-]")


class Style(NamedTuple):
    """The colours of a node, as `#rgb` or `#rrggbb`, and whether its border is dashed."""

    fill: str
    stroke: str
    text: str
    dashed: bool = False


class Node(NamedTuple):
    """A box, or with `inner` a frame around others; `key` is a letter and digits, its own."""

    key: str
    label: str
    style: str
    inner: Tuple[Node, ...] = ()


class Graph(NamedTuple):
    """Nodes, edges between their keys, the edges among these that are drawn bold, and styles."""

    name: str
    nodes: Sequence[Node]
    edges: Sequence[Tuple[str, str]]
    bold: Sequence[Tuple[str, str]]
    styles: Mapping[str, Style]


def mermaid_text(graph: Graph) -> str:
    """A Mermaid flowchart, top down; bold edges are thick arrows.

    Source: Mermaid flowchart syntax, "Entity codes to escape characters", "Subgraphs".
    """
    bold = frozenset(graph.bold)
    lines = ["flowchart TD"]
    for node in graph.nodes:
        lines += _mermaid_node(node, "    ")
    for edge in graph.edges:
        lines.append("    %s %s %s" % (edge[0], "==>" if edge in bold else "-->", edge[1]))
    used = {node.style for node in _all(graph.nodes)}
    for name, style in graph.styles.items():
        if name in used:
            dashes = ",stroke-dasharray:4 3" if style.dashed else ""
            lines.append(
                "    classDef %s fill:%s,stroke:%s,color:%s%s" % (name, *style[:3], dashes)
            )
    return "\n".join(lines) + "\n"


def dot_text(graph: Graph) -> str:
    """A Graphviz digraph; a frame is a cluster."""
    bold = frozenset(graph.bold)
    lines = ["digraph %s {" % _dot_text(graph.name)]
    if any(node.inner for node in graph.nodes):
        lines.append("    compound=true;")
    lines.append('    node [shape=box, fontname="sans-serif"];')
    for node in graph.nodes:
        lines += _dot_node(node, graph.styles, "    ")
    ends = {node.key: node for node in _all(graph.nodes)}
    for edge in graph.edges:
        begin, end = (ends[key] for key in edge)
        facts = ["penwidth=2.5"] if edge in bold else []
        facts += ["ltail=cluster_%s" % begin.key] if begin.inner else []
        facts += ["lhead=cluster_%s" % end.key] if end.inner else []
        words = " [%s]" % ", ".join(facts) if facts else ""
        lines.append("    %s -> %s%s;" % (_leaf(begin), _leaf(end), words))
    return "\n".join(lines) + "\n}\n"


def _all(nodes: Sequence[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _all(node.inner)


def _leaf(node: Node) -> str:
    """The key of a box in a frame: an edge leads from box to box, cut off at the frames."""
    while node.inner:
        node = node.inner[0]
    return node.key


def _mermaid_node(node: Node, indent: str) -> Iterator[str]:
    label = _MERMAID_SPECIAL.sub(_entity, safe_line(node.label))
    if not node.inner:
        yield '%s%s["%s"]:::%s' % (indent, node.key, label, node.style)
        return
    yield '%ssubgraph %s["%s"]' % (indent, node.key, label)
    for inner in node.inner:
        yield from _mermaid_node(inner, indent + "    ")
    yield "%send" % indent
    yield "%sclass %s %s" % (indent, node.key, node.style)


def _dot_node(node: Node, styles: Mapping[str, Style], indent: str) -> Iterator[str]:
    style = styles[node.style]
    words = {
        "label": _dot_text(node.label),
        "style": '"filled,rounded%s"' % (",dashed" if style.dashed else ""),
        "fillcolor": '"%s"' % style.fill,
        "color": '"%s"' % style.stroke,
    }
    facts: List[str] = ["%s=%s" % fact for fact in words.items()]
    if not node.inner:
        yield "%s%s [%s];" % (indent, node.key, ", ".join(facts))
        return
    yield "%ssubgraph cluster_%s {" % (indent, node.key)
    for fact in facts:
        yield "%s    %s;" % (indent, fact)
    for inner in node.inner:
        yield from _dot_node(inner, styles, indent + "    ")
    yield "%s}" % indent


def _entity(match: re.Match[str]) -> str:
    return "#%d;" % ord(match.group())


def _dot_text(text: str) -> str:
    return '"%s"' % safe_line(text).replace("\\", "\\\\").replace('"', '\\"')
