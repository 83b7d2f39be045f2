"""Reading a file beside PyYAML and jsonschema: the same value and verdict, or both refuse.

PyYAML is told YAML 1.2's words, which orchestra goes by, and to refuse what orchestra refuses:
tags, keys that are no text, keys given twice.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra.spec.accept import is_workflow
from orchestra.spec.load import load
from orchestra.spec.reader import read
from orchestra.spec.schema import schema_text
from tests.cli.commandline import ROOT
from tests.effort import examples
from tests.spec.almost import WORKFLOWS
from tests.spec.test_load_corpus import FILES
from tests.spec.test_load_fuzz import GOOD, SPLICES, mutated
from tests.spec.test_load_yaml_kinds import KINDS

VALIDATOR = jsonschema.Draft202012Validator(json.loads(schema_text()))
EXAMPLES = sorted(Path(ROOT, "examples").glob("**/*.yaml"))
CORPUS: List[bytes] = [
    *(text.encode() for text in KINDS),
    *GOOD,
    *(path.read_bytes() for path in (*FILES, *EXAMPLES)),
]

WORDS = [
    b"a",
    b"steps",
    b"run",
    b"1",
    b"0x1F",
    b"3.10",
    b"-.5e3",
    b"no",
    b"True",
    b"~",
    b" ",
    b"  ",
]
TEXTS = st.lists(st.sampled_from([*SPLICES, *WORDS]), max_size=14).map(b"".join)
DOCUMENTS = st.one_of(
    TEXTS,
    st.integers(min_value=0).map(mutated),
    WORKFLOWS.map(lambda data: yaml.safe_dump(data).encode()),
    WORKFLOWS.map(lambda data: json.dumps(data).encode()),
)

_TAG = "tag:yaml.org,2002:"
_RULES = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    ("merge", r"<<", ["<"]),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+", [*"-+0123456789"]),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?",
        [*"-+.0123456789"],
    ),
)
"""Kind, pattern and first letters of plain words.

Source: YAML 1.2.2, section 10.3.2; left out as `scalars` does: `.inf`, `.nan`.
"""


class Peer(yaml.CSafeLoader):
    """PyYAML with the words of YAML 1.2's core schema."""

    yaml_implicit_resolvers: Dict[str, List[Tuple[str, Any]]] = {}

    def construct_mapping(self, node: Any, deep: bool = False) -> Dict[Any, Any]:
        keys = [key.value if key.tag == _TAG + "merge" else self.word(key) for key, _ in node.value]
        if len(set(keys)) < len(keys):
            raise yaml.constructor.ConstructorError(None, None, "a key twice", node.start_mark)
        return super().construct_mapping(node, deep)

    def word(self, node: Any) -> str:
        word = self.construct_object(node)
        if not isinstance(word, str):
            raise yaml.constructor.ConstructorError(None, None, "no text", node.start_mark)
        return word

    def number(self, node: Any) -> Any:
        word = node.value
        if len(word) > 100:
            return word
        if re.search("[.eE]", word) is None or word.startswith("0x"):
            return int(word, 0)
        return word if float(word) in (float("inf"), float("-inf")) else float(word)


for kind, pattern, firsts in _RULES:
    Peer.add_implicit_resolver(_TAG + kind, re.compile("(?:%s)$" % pattern, re.ASCII), firsts)
Peer.add_constructor(_TAG + "int", Peer.number)
Peer.add_constructor(_TAG + "float", Peer.number)
Peer.add_constructor(_TAG + "merge", lambda self, node: node.value)


def is_strange(data: bytes) -> bool:
    """Whether there is a tag, or an alias of what it stands in."""
    open_anchors: List[Optional[str]] = []
    for event in yaml.parse(data, yaml.CSafeLoader):
        if getattr(event, "tag", None):
            return True
        if isinstance(event, yaml.AliasEvent) and event.anchor in open_anchors:
            return True
        if isinstance(event, yaml.CollectionStartEvent):
            open_anchors.append(event.anchor)
        elif isinstance(event, yaml.CollectionEndEvent):
            open_anchors.pop()
    return False


def by_pyyaml(data: bytes) -> Optional[str]:
    """The value as JSON, None where it is refused."""
    try:
        if is_strange(data):
            return None
        return json.dumps(yaml.load(data, Peer))
    except yaml.composer.ComposerError as error:
        # YAML 1.2 lets an anchor name another value later on; PyYAML does not
        return by_orchestra(data) if "duplicate anchor" in str(error) else None
    except (yaml.YAMLError, ValueError, OverflowError):
        return None


def by_orchestra(data: bytes) -> Optional[str]:
    """The same, by the reader of workflow files."""
    reading = read(data)
    return None if reading.blemishes else json.dumps(reading.root)


@pytest.mark.parametrize("data", CORPUS, ids=lambda data: repr(data[:30]))
def test_what_is_read_is_what_pyyaml_reads(data: bytes) -> None:
    assert by_orchestra(data) == by_pyyaml(data)


@settings(max_examples=examples(500), deadline=None)
@given(DOCUMENTS)
def test_any_document_is_read_as_by_pyyaml_or_refused_by_both(data: bytes) -> None:
    assert by_orchestra(data) == by_pyyaml(data)


@pytest.mark.parametrize("data", CORPUS, ids=lambda data: repr(data[:30]))
def test_what_jsonschema_accepts_is_accepted(data: bytes) -> None:
    reading = read(data)
    assert is_workflow(reading.root) == VALIDATOR.is_valid(reading.root)


@settings(max_examples=examples(200), deadline=None)
@given(DOCUMENTS)
def test_any_document_is_accepted_as_by_jsonschema(data: bytes) -> None:
    reading = read(data)
    assert is_workflow(reading.root) == VALIDATOR.is_valid(reading.root)


@settings(max_examples=examples(200), deadline=None)
@given(DOCUMENTS)
def test_a_document_that_either_refuses_gives_no_workflow(data: bytes) -> None:
    value = by_pyyaml(data)
    is_good = value is not None and VALIDATOR.is_valid(json.loads(value))
    assert is_good or load("flow.yaml", data).workflow is None
