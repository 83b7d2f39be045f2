"""Good workflows with bytes changed: each is read or refused, and never anything else."""

from __future__ import annotations

import json
import random
from typing import Any, List

import pytest
from hypothesis import given, settings

from orchestra.cli.messages import format_faults
from orchestra.spec.load import load
from tests.effort import examples
from tests.spec.almost import WORKFLOWS

GOOD: List[bytes] = [
    b"""\
version: 1
name: nightly
labels: {team: data}
params:
  date: {type: date, default: yesterday}
  region: {type: string, enum: [eu, us], default: eu, pattern: "[a-z]+"}
  count: {type: int, default: 3, min: 1, max: 10}
vars: {base: "data/${{ params.region }}", list: [1, "${{ params.count + 1 }}"]}
env: {LC_ALL: C, BASE: "${{ vars.base }}"}
inherit_env: [PATH, HOME]
budget: {cpu: 8, memory: 16GiB, db: 4}
defaults: {timeout: 10m, retry: 1, env: {A: b}, resources: {cpu: 1}}
max_parallel: 4
fail_fast: true
timeout: 2h
steps:
  list:
    run: echo "files=$(ls data/${{ params.date }})" >> "$ORCHESTRA_OUTPUT"
    outputs: {files: json, count: int}
  convert:
    needs: list
    command: [echo, 3.10, "${{ steps.list.outputs.files }}"]
    resources: {cpu: 500m, memory: 2GiB, db: 1}
    retry: {max: 3, delay: 5s, backoff: 2, when: {exit_codes: [75], signals: [KILL]}}
  publish:
    needs: [{step: convert, when: [success, skipped]}, list]
    if: params.region == 'eu' and steps.list.outputs.count > 3
    require: [{if: params.count < 9, message: too many}]
    env: {MODE: fast, N: 1}
    run: |
      cat <<END
      ${{ params.region }}
      END
    stop: {signal: INT, grace: 5s}
    allow_failure: {exit_codes: [3]}
    skip_codes: [100]
    priority: 5
    mutex: [web, db]
    duration: 1m
""",
    b"""\
x: &base {run: "true", timeout: 90s}
steps:
  a: &a
    <<: *x
""",
    b'{"steps": {"a": {"python": {"call": "m:f", "args": {"x": [1, null, "${{ run.id }}"]}}}}}',
    b"steps:\n  a:\n    python: |\n      print('\\0')\n  b: {needs: a, if: failure()}\n",
]
SPLICES = [
    b"${{",
    b"}}",
    b"{",
    b"[",
    b"]",
    b": ",
    b"- ",
    b"\n",
    b"\t",
    b"'",
    b'"',
    b"\\",
    b"&a ",
    b"*a",
    b"!!x ",
    b"<<: ",
    b"|",
    b">",
    b"%",
    b"#",
    b"\x00",
    b"\xff",
    b"\xf0\x9f\x98\x80",
    b"\xe2\x80\xa8",
    b"null",
    b"1e999",
    b"0x",
    b"---\n",
    b"~",
    b"? ",
    b",",
    b"params.",
    b"steps.a.outputs.",
    b"99999999999999999999",
    b"9" * 400,
]


def mutated(seed: int) -> bytes:
    """A good workflow with one to four changes: a bit flipped, bytes cut, doubled or put in."""
    chance = random.Random(seed)
    data = bytearray(chance.choice(GOOD))
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(data))
        length = chance.randint(1, 12)
        change = chance.randrange(5)
        if change == 0:
            data[place] ^= 1 << chance.randrange(8)
        elif change == 1:
            del data[place : place + length]
        elif change == 2:
            data[place:place] = data[place : place + length]
        elif change == 3:
            data[place:place] = chance.choice(SPLICES)
        else:
            data[place : place + length] = chance.choice(SPLICES)
        data = data or bytearray(b"x")
    return bytes(data)


@pytest.mark.parametrize("first", range(0, 2000, 100))
def test_a_changed_workflow_is_read_or_refused(first: int) -> None:
    loaded = [load("fuzz.yaml", mutated(seed)) for seed in range(first, first + 100)]
    words = [format_faults(found.faults, found.text) for found in loaded]
    told = ["error:" in text for text in words]
    assert told == [found.workflow is None for found in loaded]


@pytest.mark.parametrize("data", [GOOD[0], GOOD[2], GOOD[3]])
def test_the_workflows_to_be_changed_are_good(data: bytes) -> None:
    assert load("fuzz.yaml", data).faults == ()


@settings(max_examples=examples(300), deadline=None)
@given(WORKFLOWS)
def test_what_is_almost_a_workflow_is_read_or_refused(data: Any) -> None:
    loaded = load("fuzz.yaml", json.dumps(data).encode())
    errors = [fault for fault in loaded.faults if fault.severity == "error"]
    assert bool(errors) == (loaded.workflow is None)
