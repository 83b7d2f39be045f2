"""What expressions see of the environment, and of values inside values."""

from __future__ import annotations

import pytest

from orchestra.engine.conditions import Decision, decide, describe
from orchestra.engine.scope import RunFacts, Scopes
from orchestra.engine.views import EnvView
from orchestra.model.expression import ExpressionError, Scope, evaluate, parse, parse_text
from orchestra.model.run import StepState
from orchestra.model.secrets import Secrets
from orchestra.model.workflow import FromVariable, ShellScript, Slot, Splice
from tests.engine.plans import step, workflow

INHERITED = {"HOME": "/home", "PATH": "/bin", "A": "inherited"}


@pytest.mark.parametrize(
    ("inherit", "expected"),
    [
        (True, {"A": "own", "B": "own", "HOME": "/home", "PATH": "/bin"}),
        (("PATH", "GONE"), {"A": "own", "B": "own", "PATH": "/bin"}),
        (False, {"A": "own", "B": "own"}),
    ],
)
def test_the_environment_of_a_step_is_its_layers_over_what_it_inherits(inherit, expected):
    view = EnvView({"A": "own", "B": "own"}, INHERITED, inherit)
    assert (dict(view), len(view)) == (expected, len(expected))
    assert view.get("HOME") == expected.get("HOME")


@pytest.mark.parametrize(("inherit", "home"), [(None, "/home"), (False, None)])
def test_a_layer_sees_those_below_it_and_not_itself(inherit, home):
    one = step("a", env={"B": parse_text("${{ env.A }}!"), "A": "step"}, inherit_env=inherit)
    flow = workflow(
        one,
        env={"A": parse_text("${{ env.F }}+root")},
        default_env={"D": parse_text("${{ env.A }}+default")},
    )
    scopes = Scopes(flow, {}, {}, INHERITED, {"F": "file"})

    env = scopes.env(one)

    layers = {"F": "file", "A": "step", "D": "file+root+default", "B": "file+root!"}
    assert env == layers
    assert evaluate(parse("env.HOME"), scopes.scope(one, env)) == home


def test_facts_of_the_run_are_seen_by_their_names():
    flow = workflow(step("a"))
    facts = RunFacts("r-1", "flow", "2026-01-31", "2026-01-31T10:00:00Z", "/runs/r-1")
    scopes = Scopes(flow, {}, {}, {}, {}, facts)
    scope = scopes.scope(flow.step_by_id["a"], {})
    assert evaluate(parse("run"), scope) == {
        "id": "r-1",
        "name": "flow",
        "date": "2026-01-31",
        "started_at": "2026-01-31T10:00:00Z",
        "dir": "/runs/r-1",
        "state": "running",
    }


@pytest.mark.parametrize(
    ("condition", "shown"),
    [
        ("params.n > 1", "params.n > 1 (params.n is 1)"),
        ("params.list[1] == 'b'", "params.list[1] == 'b' (params.list.1 is 'b')"),
        ("params.list[-1] == 'b'", "params.list[-1] == 'b' (params.list.-1 is 'b')"),
        ("params.list[7] == 'b'", "params.list[7] == 'b' (params.list.7 is null)"),
        ("params.n.x == 1", "params.n.x == 1 (params.n.x is null)"),
        ("params.long == ''", "params.long == '' (params.long is '%s…)" % ("x" * 58)),
        ("params.n == 1 or params.n == 2", "params.n == 1 or params.n == 2 (params.n is 1)"),
        ("1 < 2", "1 < 2"),
    ],
)
def test_a_condition_is_shown_with_the_values_it_was_decided_by(condition, shown):
    names = {"params": {"n": 1, "list": ["a", "b"], "long": "x" * 99}}
    assert describe(parse(condition), Scope(names)) == shown


def test_a_step_goes_ahead_where_all_that_it_requires_holds():
    one = step("a", require=[("params.n == 1", "x"), ("params.n < 2", "y")])
    assert decide(one, Scope({"params": {"n": 1}})) == Decision(None, "it needs nothing")
    assert decide(one, Scope({"params": {"n": 2}})) == Decision(StepState.FAILED, "x")


def test_secrets_are_seen_by_the_environment_and_by_scripts_alone():
    script = ShellScript((Slot(parse("secrets.TOKEN"), Splice.WORD),))
    one = step("a", env={"T": parse_text("${{ secrets.TOKEN }}!"), "P": "plain"}, body=script)
    flow = workflow(one, secrets={"TOKEN": FromVariable("TOK")})
    scopes = Scopes(flow, {}, {}, {"TOK": "hunter22"}, {}, secrets=Secrets({"TOKEN": "hunter22"}))

    env = scopes.env(one)

    assert env == {"T": "hunter22!", "P": "plain"}
    inside, outside = scopes.script_scope(one, env, None), scopes.scope(one, env)
    assert evaluate(parse("secrets.TOKEN + env.T"), inside) == "hunter22hunter22!"
    assert evaluate(parse("env.P"), outside) == "plain"
    assert evaluate(parse("env.TOK"), inside) is None
    assert scopes.script_scope(one._replace(body=None), env, None) is None


@pytest.mark.parametrize("source", ["env.T", "env['T']", "to_json(env)", "secrets.TOKEN"])
def test_a_condition_cannot_see_a_secret(source):
    one = step("a", env={"T": parse_text("${{ secrets.TOKEN }}")})
    flow = workflow(one, secrets={"TOKEN": FromVariable("TOK")})
    scopes = Scopes(flow, {}, {}, {}, {}, secrets=Secrets({"TOKEN": "hunter22"}))

    decision = decide(
        one._replace(condition=parse("%s == 'hunter22'" % source)), scopes.early_scope(one)
    )

    assert decision.state is StepState.FAILED
    assert "hunter22" not in decision.reason.replace("== 'hunter22'", "")


def test_a_fault_in_the_environment_quotes_no_secret():
    one = step("a", env={"T": parse_text("${{ 'text'[secrets.TOKEN] }}")})
    flow = workflow(one, secrets={"TOKEN": FromVariable("TOK")})
    scopes = Scopes(flow, {}, {}, {}, {}, secrets=Secrets({"TOKEN": "hunter22"}))

    with pytest.raises(ExpressionError) as caught:
        scopes.env(one)

    assert str(caught.value) == (
        "env.T: it cannot be evaluated; why is not shown, for it may use a secret"
    )
