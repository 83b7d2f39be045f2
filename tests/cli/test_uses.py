"""`uses` at the command line: another file as one step, with all that can be wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Dict

import pytest

from tests.cli.commandline import CommandLine

USED = """version: 1
params: {n: {type: string}, who: {required: true}}
vars: {base: "b-${{ params.who }}"}
env: {OWN: "${{ vars.base }}"}
env_file: values.env
steps:
  one:
    run: |
      echo "$OWN $OUTER $FROM_FILE $(basename "$PWD")"
      echo "o=${{ params.n }}" >> "$ORCHESTRA_OUTPUT"
    outputs: {o: string}
  two: {needs: one, python: {file: code.py}}
outputs: {o: "${{ steps.one.outputs.o }}", all: [1, "${{ steps.two.state }}"]}
"""
MAIN = """version: 1
env: {OUTER: outer}
vars: {base: not-seen}
defaults: {timeout: 1m}
steps:
  u: {uses: sub/used.yaml, with: {who: "${{ vars.base }}", n: "x y"}}
  after: {needs: u, command: [echo, "${{ steps.u.outputs.o }}", "${{ steps.u.outputs.all[1] }}"]}
"""


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    line = CommandLine(tmp_path)
    line.file("main.yaml", MAIN).file("sub/used.yaml", USED)
    return line.file("sub/values.env", "FROM_FILE=file").file("sub/code.py", "print('code')")


def report(cli: CommandLine) -> Dict[str, Dict[str, object]]:
    steps = json.loads((cli.folder / "r.json").read_text("utf-8"))["steps"]
    return {step["id"]: step for step in steps}


def test_a_file_is_one_step_with_its_own_names_paths_and_outputs(cli: CommandLine) -> None:
    result = cli.run("run", "main.yaml", "--report", "json=r.json")
    assert (result.code, result.err) == (0, "")
    assert cli.run("logs", "u/one").out == "b-not-seen outer file sub\n"
    assert cli.run("logs", "u/two").out == "code\n"
    assert cli.run("logs", "after").out == "x y succeeded\n"
    steps = report(cli)
    assert steps["u/two"]["owner"] == "u"
    assert steps["u/two"]["needs"] == ["u/one"]
    assert steps["u"]["outputs"] == {"o": "x y", "all": [1, "succeeded"]}


def test_a_failure_inside_is_that_of_the_step(cli: CommandLine) -> None:
    cli.file("sub/code.py", "raise SystemExit(3)")
    result = cli.run("run", "main.yaml", "--report", "json=r.json")
    assert result.code == 1
    steps = report(cli)
    assert steps["u"]["reason"] == "1 of 2 steps failed, first `u/two`: exit code 3"
    assert steps["after"]["state"] == "blocked"


def test_a_variable_that_is_missing_around_it_fails_the_step_and_no_plan(cli: CommandLine) -> None:
    workflow = """version: 1
env: {PLACE: "${{ env.NOT_THERE }}/x"}
steps:
  first: {command: [sh, -c, "echo who=me >> $ORCHESTRA_OUTPUT"], outputs: {who: string}}
  u: {needs: first, uses: used.yaml, with: {who: "${{ steps.first.outputs.who }}"}}
"""
    used = "version: 1\nparams: {who: {required: true}}\nsteps: {one: {run: 'true'}}\n"
    cli.file("p.yaml", workflow).file("used.yaml", used)

    planned, ran = cli.run("plan", "p.yaml"), cli.run("run", "p.yaml")

    assert (planned.code, planned.err) == (0, "")
    assert (ran.code, "fault of its own" in ran.err) == (1, False)


def test_its_own_limits_hold_for_its_steps(cli: CommandLine) -> None:
    used = "max_parallel: 1\nsteps: {a: {run: sleep 0.3}, b: {run: sleep 0.3}}\n"
    cli.file("used.yaml", used).file("m.yaml", "steps: {u: {uses: used.yaml}}")
    assert cli.run("run", "m.yaml", "-j", "4", "--report", "json=r.json").code == 0
    first, second = (report(cli)[id]["attempts"][0] for id in ("u/a", "u/b"))
    assert first["ended_at"] <= second["started_at"]


def test_its_own_timeout_ends_it(cli: CommandLine) -> None:
    cli.file("used.yaml", "timeout: 0.3s\nsteps: {a: {run: sleep 60}}\n")
    cli.file("m.yaml", "steps: {u: {uses: used.yaml, timeout: 1h}, v: {run: 'true'}}")
    assert cli.run("run", "m.yaml", "--report", "json=r.json").code == 1
    assert report(cli)["u"]["reason"] == "timed out after 0.30s"
    assert report(cli)["v"]["state"] == "succeeded"


def test_an_output_that_cannot_be_made_fails_the_step(cli: CommandLine) -> None:
    used = "steps: {a: {run: 'true'}}\noutputs: {x: '${{ 1 / 0 }}'}\n"
    cli.file("used.yaml", used).file("m.yaml", "steps: {u: {uses: used.yaml}}")
    assert cli.run("run", "m.yaml", "--report", "json=r.json").code == 1
    assert str(report(cli)["u"]["reason"]).startswith("outputs.x: ")


def test_what_it_is_given_may_be_known_only_by_the_run(cli: CommandLine) -> None:
    cli.file("used.yaml", "params: {n: {type: int, max: 3}}\nsteps: {a: {run: 'true'}}\n")
    text = """steps:
  top: {run: 'echo n=9 >> "$ORCHESTRA_OUTPUT"', outputs: {n: int}}
  u: {needs: top, uses: used.yaml, with: {n: "${{ steps.top.outputs.n }}"}}
"""
    cli.file("m.yaml", text)
    assert cli.run("plan", "m.yaml").code == 0
    assert cli.run("run", "m.yaml", "--report", "json=r.json").code == 1
    reason = "with: used.yaml: parameter `n` must be at most 3, and it is 9"
    assert str(report(cli)["u"]["reason"]).startswith(reason[:40])


GIVEN = "secrets: [T]\nsteps: {a: {uses: x.yaml, with: {p: '${{ secrets.T }}'}}}"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"m.yaml": "steps: {a: {uses: none.yaml}}"},
            "m.yaml:1:19: error: cannot read",
        ),
        (
            {"m.yaml": "steps: {a: {uses: x.yaml}}", "x.yaml": "steps: {b: {uses: m.yaml}}"},
            "files use each other in a circle: m.yaml uses x.yaml uses m.yaml",
        ),
        (
            {"m.yaml": "steps: {a: {uses: m.yaml}}"},
            "files use each other in a circle: m.yaml uses m.yaml",
        ),
        (
            {"m.yaml": "steps: {a: {uses: x.yaml}}", "x.yaml": "steps: {b: {rin: x}}"},
            "`x.yaml` cannot be used: line 1, column 13: unknown key `rin` in `b`",
        ),
        (
            {"m.yaml": "steps: {a: {uses: x.yaml}}", "x.yaml": "steps: {b: {needs: c}}"},
            "`x.yaml` cannot be used: `b` needs `c`, which is no step",
        ),
        (
            {
                "m.yaml": "steps: {a: {uses: x.yaml, with: {p: 1}}}",
                "x.yaml": "params: {q: {required: true}}\nsteps: {b: {run: x}}",
            },
            "`p` is no parameter of x.yaml",
        ),
        (
            {
                "m.yaml": "steps: {a: {uses: x.yaml}}",
                "x.yaml": "params: {q: {required: true}}\nsteps: {b: {run: x}}",
            },
            "x.yaml needs `q`",
        ),
        (
            {"m.yaml": "steps: {a: {uses: '${{ 1 }}'}}"},
            "`uses` takes no expressions",
        ),
        (
            {"m.yaml": "steps: {a: {uses: x.yaml, retry: 2}}", "x.yaml": "steps: {b: {run: x}}"},
            "`retry` cannot stand beside `uses`",
        ),
        (
            {
                "m.yaml": "secrets: [T]\nsteps: {a: {uses: x.yaml}}",
                "x.yaml": "secrets: {T: {env: OTHER}}\nsteps: {b: {run: x}}",
            },
            "x.yaml takes the secret `T` from elsewhere",
        ),
        (
            {
                "m.yaml": "steps: {a: {uses: x.yaml}}",
                "x.yaml": "secrets: [T]\nsteps: {b: {run: x}}",
            },
            "x.yaml uses the secrets `T`",
        ),
        (
            {
                "m.yaml": GIVEN,
                "x.yaml": "params: {p: {type: string}}\n"
                "steps: {b: {command: [x, '${{ params.p }}']}}",
            },
            "m.yaml:2:19: error: x.yaml would show a secret that it is given, in steps.b.command.1",
        ),
        (
            {
                "m.yaml": GIVEN,
                "x.yaml": "params: {p: {type: string}}\nvars: {v: '${{ params.p }}'}\n"
                "steps: {b: {run: x}}",
            },
            "x.yaml would show a secret that it is given, in vars.v",
        ),
        (
            {"m.yaml": GIVEN, "x.yaml": "params: {p: {type: json}}\nsteps: {b: {run: x}}"},
            "`p` of x.yaml is no string, and cannot be given a secret",
        ),
        (
            {
                "m.yaml": GIVEN,
                "x.yaml": "params: {p: {type: string}}\n"
                "steps: {b: {uses: y.yaml, with: {q: '${{ params.p }}'}}}",
                "y.yaml": "params: {q: {type: string}}\nsteps: {c: {if: params.q == '', run: x}}",
            },
            "would show a secret that it is given, in steps.b.uses",
        ),
        (
            {
                "m.yaml": "secrets: [T]\nenv: {E: '${{ secrets.T }}'}\nsteps: {a: {uses: x.yaml}}",
                "x.yaml": "steps: {b: {command: [x, '${{ env.E }}']}}",
            },
            "x.yaml would show a secret that it is given, in steps.b.command.1",
        ),
        (
            {
                "m.yaml": "budget: {db: 1}\nsteps: {a: {uses: x.yaml}}",
                "x.yaml": "steps: {b: {run: x, resources: {db: 2}}}",
            },
            "`x.yaml` cannot be used: `b` asks for 2 of db, the budget has 1",
        ),
    ],
)
def test_what_is_wrong_is_told_at_the_step(
    tmp_path: Path, files: Dict[str, str], expected: str
) -> None:
    cli = CommandLine(tmp_path)
    for name, text in files.items():
        cli.file(name, text)
    result = cli.run("validate", "m.yaml")
    assert result.code == 2
    assert expected in result.err


def test_files_that_multiply_are_refused(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path)
    for level in range(8):
        text = ", ".join("s%d: {uses: f%d.yaml}" % (n, level + 1) for n in range(10))
        cli.file("f%d.yaml" % level, "steps: {%s}" % text)
    cli.file("f8.yaml", "steps: {a: {run: 'true'}}")
    result = cli.run("validate", "f0.yaml")
    assert result.code == 2
    assert "at most 100000 can be run" in result.err


def test_a_used_file_is_planned_though_the_env_around_it_needs_the_run(cli: CommandLine) -> None:
    cli.environ["T"] = "correct-horse"
    cli.file(
        "m.yaml",
        "secrets: [T]\n"
        "env: {TE: '${{ secrets.T }}', ID: '${{ run.id }}'}\n"
        "steps: {u: {uses: u.yaml, with: {q: plain}}, c: {steps: {u: {uses: u.yaml}}}}\n",
    )
    cli.file(
        "u.yaml", "params: {q: x}\nsteps: {s: {run: 'echo ${#TE} ${ID:+yes} ${{ params.q }}'}}"
    )
    assert cli.run("plan", "m.yaml").code == 0
    assert cli.run("run", "m.yaml").code == 0
    assert cli.run("logs", "u/s").out == "13 yes plain\n"
    assert cli.run("logs", "c/u/s").out == "13 yes x\n"
