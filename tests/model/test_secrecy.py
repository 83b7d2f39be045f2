"""Which variables may hold a secret is told from the file alone."""

from __future__ import annotations

import pytest

from orchestra.engine.ports import Launching
from orchestra.model.expression import ExpressionError, Scope, parse, parse_text
from orchestra.model.run import AttemptKey, Invocation
from orchestra.model.secrecy import (
    Hidden,
    hidden_above,
    hidden_by_all,
    hidden_in,
    quiet,
    uses_secret,
)
from orchestra.model.secrets import Secrets
from orchestra.model.workflow import FromCommand, FromFile, FromVariable
from tests.engine.plans import step, workflow

TOKEN = parse_text("Bearer ${{ secrets.TOKEN }}")
SECRETS = {"TOKEN": FromVariable("TOK"), "F": FromFile("f"), "C": FromCommand(("c",))}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", False),
        ("${{ params.TOKEN }}", False),
        ("${{ env.OTHER }}", False),
        ("${{ env.TOKEN }}", True),
        ("${{ env['TOKEN'] }}", True),
        ("${{ env[params.which] }}", True),
        ("${{ to_json(env) }}", True),
        ("a ${{ secrets.TOKEN }}", True),
        ("${{ 1 if params.x else lower(secrets.TOKEN) }}", True),
    ],
)
def test_a_text_may_hold_a_secret_by_what_it_names(text, expected):
    assert uses_secret(parse_text(text), Hidden(frozenset({"TOKEN"}))) is expected


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        ({}, {"A"}),
        ({"B": TOKEN}, {"A", "B"}),
        ({"A": "plain"}, set()),
        ({"A": "plain", "B": parse_text("${{ env.A }}")}, {"B"}),
    ],
)
def test_a_layer_adds_to_the_hidden_variables_and_takes_from_them(layer, expected):
    assert hidden_above(layer, Hidden(frozenset({"A"}))).variables == expected


def test_the_layers_of_a_workflow_and_a_step_are_seen_in_their_order():
    build = step("build", env={"C": parse_text("${{ env.B }}"), "A": "plain"})
    flow = workflow(
        build,
        env={"A": TOKEN},
        default_env={"B": parse_text("${{ env.A }}")},
        secrets=SECRETS,
    )
    below = hidden_by_all(flow)
    assert below.variables == {"A", "B"}
    assert hidden_in(build, below).variables == {"B", "C"}
    assert hidden_in(step("plain"), below) == below


def test_without_secrets_nothing_is_hidden_and_the_environment_stays_as_it_is():
    flow = workflow(step("a"), env={"A": TOKEN})
    environ = {"TOK": "x"}
    assert hidden_by_all(flow) == Hidden()
    assert flow.inheritable(environ) is environ


def test_the_variables_that_secrets_come_from_are_not_inherited():
    flow = workflow(step("a"), secrets=SECRETS)
    assert flow.inheritable({"TOK": "hunter22", "HOME": "/"}) == {"HOME": "/"}


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("params.x[secrets.TOKEN]", "it cannot be evaluated; why is not shown, for it may use a"),
        ("params.x[env.TOKEN]", "it cannot be evaluated; why is not shown, for it may use a"),
        ("params.x['key']", "a text has no `key`"),
    ],
)
def test_a_fault_does_not_quote_what_may_be_a_secret(source, told):
    fault = ExpressionError("a text has no `key`", 3)
    assert str(quiet(fault, parse(source))).startswith(told)


def test_nothing_that_holds_a_secret_shows_it():
    values = Secrets({"TOKEN": "hunter22"})
    env = {b"T": b"hunter22"}
    key = AttemptKey("a", 1)
    shown = [
        repr(values),
        repr(Scope({"secrets": values})),
        repr(Invocation((b"true",), env, "/", "/log")),
        repr(Launching(key, step("a"), Scope({}), {"T": "hunter22"}, True, {})),
    ]
    assert [text for text in shown if "hunter22" in text] == []
    assert (dict(values), len(values)) == ({"TOKEN": "hunter22"}, 1)
