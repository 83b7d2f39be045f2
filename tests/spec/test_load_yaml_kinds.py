"""YAML of every kind there is, as a workflow file: refused with a place, never a crash."""

from __future__ import annotations

from typing import List

import pytest

from orchestra.spec.load import load

KINDS: List[str] = [
    # lists and mappings of scalars
    "- one\n- two\n- three",
    "one: 1\ntwo: 2",
    "fruit:\n- apple\n- pear\nroot:\n- beet",
    "-\n  name: x\n-\n  name: y",
    "- [a, 1]\n- [b, 2]",
    "a: {b: 1, c: 2}\nd: {\n  e: 3\n}",
    "- - a\n  - b\n- - c",
    "- a: 1\n  b: 2\n- c: 3",
    "- : x",
    "a:\nb:\n",
    "-\n-\n",
    "a: -1\nb: - 1",
    # comments
    "# top\na: 1 # beside\n# below",
    "a: # beside nothing\n  - b # item\n  # between\n  - c",
    "a: b#c\nd: 'e #f'",
    "#\n#\n",
    " # indented\na: 1",
    "a:\n  - b\n # half in\n  - c",
    # documents and directives
    "--- a",
    "---\na: 1\n...\n",
    "---\na: 1\n---\nb: 2",
    "a: 1\n...\n---\nb: 2",
    "...\na: 1",
    "%YAML 1.2\n--- a",
    "%YAML 1.1\n---\na: yes",
    "%YAML 1.2\n%YAML 1.2\n---\na: 1",
    "%YAML 1.2",
    "%TAG !e! tag:example.org,2000:\n---\na: !e!x 1",
    "%TAG ! tag:example.org,2000:\n%TAG ! tag:example.org,2001:\n---\na: 1",
    "%UNKNOWN a b\n---\na: 1",
    "---\n%YAML 1.2\n---\na",
    "--- |\n  text\n--- >\n  text",
    "---a: 1",
    "--- {a: 1} # c",
    # plain scalars
    "a: one\n  two\n\n  three",
    "a: b - c ? d, e [f] {g}",
    "a: ::b\n:c: d",
    "a?b: c\n-d: e\n?f: g",
    "http://example.org: x",
    "a: [http://example.org, b::c]",
    "a: 'it''s'\nb: \"it's\"",
    "a: this is\n  not: allowed",
    "word",
    "two words",
    "? word",
    "a: b: c: d",
    "a : 1\nb  :   2",
    "a: 1:2:3",
    "- -1\n- --1\n- ---1",
    # single and double quotes
    "'a': 'b\n\n  c'",
    '"a\\nb": "\\x41\\u0042\\U00000043"',
    'a: "\\\n  joined"',
    'a: "tab\\tquote\\"slash\\/nul\\0bell\\aesc\\e"',
    'a: "next\\Nspace\\_line\\Lpara\\P"',
    'a: " lead and trail "',
    "a: ' lead and trail '",
    "a: \"\"\nb: ''",
    'a: "unfinished',
    "a: 'unfinished\nb: c",
    'a: "bad \\z escape"',
    'a: "\\u12"',
    'a: "x" "y"',
    'a: "x"y',
    '"a" : 1\n"b":2',
    # block scalars
    "a: |\n  literal\n   more\n  end\n",
    "a: >\n  folded\n  text\n\n  next\n",
    "a: |-\n  strip\n\n",
    "a: |+\n  keep\n\n",
    "a: |2\n    two\n",
    "a: >-1\n  one\n",
    "a: |10\n  ten",
    "a: |+-\n  both",
    "a: |\nb: 1",
    "a: |\n\n\n  late\n",
    "a: |\n  x\n y\n",
    "a: | # comment\n  x\n",
    "a: |# none\n  x\n",
    "- |\n a\n- >\n b\n",
    "a: |\n\ttab\n",
    "a: >\n \ttab\n",
    "|\n  root",
    # flow style
    "[a, b, [c, {d: e}]]",
    "{a: b, c: [d], e}",
    "[a, b: c, {d: e}: f]",
    "[? a : b]",
    "{? a, ? b : c}",
    "{a, b: , : c}",
    "[a, ]",
    "[a,, b]",
    "{a: 1,, b: 2}",
    "[a\nb]",
    "{a: 1\nb: 2}",
    "[a, b",
    "{a: [b}",
    "[]]",
    "{}}",
    "a: [\nb,\nc\n]",
    "a: [\n- b\n]",
    "{a:b}",
    "{a: 'x'y}",
    '{"a":1,"b":[true,null]}',
    "[a]: b",
    "{a: b}: c",
    "[1, 2] : 3",
    # anchors, aliases, merges
    "a: &x b\nc: *x",
    "&x a: *x",
    "a: &x\n  b: 1\nc:\n  <<: *x",
    "a: &x &y b",
    "a: *x &y",
    "a: &x",
    "*x",
    "&x [*x]",
    "? &x a\n: *x",
    "a: &x!y b",
    "a: &x 1\nb: &x 2\nc: *x",
    "<<: 1",
    "<<: [1, 2]",
    "<<: {a: 1}\n<<: {b: 2}",
    "a: <<",
    # tags
    "a: !!str 1\nb: !!int '2'",
    "!!map {a: 1}",
    "!local a",
    "a: !<tag:yaml.org,2002:str> b",
    "a: ! b",
    "a: !!binary aGk=",
    "a: !!set {b, c}",
    "a: !!omap [b: 1]",
    "a: !!timestamp 2026-01-01",
    "a: !!float x\nb: !!int ''\nc: !!bool maybe",
    "a: !!python/name:os.system",
    "a: !!python/object/new:os.system [echo]",
    "a: !e!x b",
    "a: !<x b",
    # keys
    "? a\n: b",
    "? - a\n: - b",
    "? |\n  block key\n: 1",
    "1: a\n2.5: b",
    "true: a\nno: b",
    "~: a\n: b",
    "2026-01-01: a",
    "a: 1\na: 2",
    "a: 1\n'a': 2\n\"\\x61\": 3",
    "? a\n? b",
    "a b c: 1",
    # white space and characters
    "\ta: 1",
    "a:\n\tb: 1",
    "a:\n  b: 1\n\tc: 2",
    "a:\n   b: 1\n  c: 2",
    "a: 1\n b: 2",
    " a: 1\nb: 2",
    "a: 1\r\nb: 2\r\n",
    "a: 1\rb: 2\r",
    "a: \u2028b\u2029c\x85d",
    "\ufeffa: 1",
    "a: \ufeffb",
    "a: \x00",
    "a: \x07\nb: \x1b",
    "a: \x9b",
    "a: \ufffe",
    "a: 😀\n中文: é",
    "a: \u202eabc",
    "   \n\t\n",
    "\n\n\na: 1",
    "a: \u00a0b",
    # YAML 1.1's words
    "a: [yes, no, on, off, y, n]",
    "a: [012, 0o14, 0x1F, 0b1, 1_000, 12:30:45]",
    "a: [1e3, .5, 5., +1, .inf, -.INF, .NaN]",
    "a: [2026-11-22, 2026-02-30, 2026-11-22T99:00:00Z]",
    "a: [~, null, Null, NULL, '', =, <<]",
    "a: 999999999999999999999999999999",
]


@pytest.mark.parametrize("text", KINDS, ids=[repr(text[:30]) for text in KINDS])
def test_yaml_that_is_no_workflow_is_refused_at_a_place_in_the_file(text: str) -> None:
    loaded = load("kinds.yaml", text.encode())
    lines = text.split("\n")
    places = [
        1 <= fault.line <= len(lines) and 1 <= fault.column <= len(lines[fault.line - 1]) + 1
        for fault in loaded.faults
    ]
    assert (loaded.workflow, places == [True] * len(places), bool(places)) == (None, True, True)


@pytest.mark.parametrize("text", KINDS, ids=[repr(text[:30]) for text in KINDS])
def test_the_same_inside_a_variable_is_read_or_refused(text: str) -> None:
    inner = "".join("    %s\n" % line for line in text.split("\n"))
    loaded = load("kinds.yaml", ("vars:\n  v:\n%ssteps: {a: {run: x}}\n" % inner).encode())
    is_refused = any(fault.severity == "error" for fault in loaded.faults)
    assert is_refused == (loaded.workflow is None)
