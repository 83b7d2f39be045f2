"""Secrets from their sources to the steps, and nowhere else: every place is searched for them."""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path
from typing import Dict, List
from urllib.parse import quote, quote_plus

import pytest

from tests.cli.commandline import CommandLine

TOKEN = 'tok+en/5f3a "q"&\\ é?>'
KEY = "-----BEGIN KEY-----\nMIIEvQ+IBADAN/Bgkqhki\n9w0BAQEFAASC==\n-----END KEY-----"
PASSWORD = "correct-horse-battery"

PRINTER = r"""
import base64, json, os, sys, time
from urllib.parse import quote, quote_plus
stream = {"out": sys.stdout.buffer, "err": sys.stderr.buffer}[sys.argv[1]]
for name in ("TOKEN", "KEY", "PASSWORD"):
    value = os.environ[name]
    raw = value.encode()
    forms = [raw, json.dumps(value).encode(), json.dumps(value, ensure_ascii=False).encode()]
    forms += [quote(raw).encode(), quote(raw, safe="").encode(), quote_plus(raw).encode()]
    forms += raw.split(b"\n")
    for before in range(3):
        forms += [encode(b"x" * before + raw)
                  for encode in (base64.b64encode, base64.urlsafe_b64encode)]
    for form in forms:
        text = b"<" + form + b">\n"
        size = int(sys.argv[2])
        for start in range(0, len(text), size):
            stream.write(text[start : start + size])
            stream.flush()
sys.exit(int(sys.argv[3]))
"""

WORKFLOW = """\
version: 1
name: keeper
secrets:
  TOKEN: {env: API_TOKEN}
  KEY: {file: key.pem}
  PASSWORD: {command: [python, give.py]}
defaults:
  env: {TOKEN: "${{ secrets.TOKEN }}", KEY: "${{ secrets.KEY }}"}
steps:
  whole:
    env: {PASSWORD: "${{ secrets.PASSWORD }}"}
    command: [python, print.py, out, "100000", "0"]
  pieces:
    env: {PASSWORD: "${{ secrets.PASSWORD }}"}
    command: [python, print.py, err, "3", "4"]
    retry: {max: 1}
    allow_failure: true
  script:
    run: |
      echo "bare: " ${{ secrets.TOKEN }} "${{ secrets.KEY }}" '${{ secrets.PASSWORD }}'
      set -x; test -n ${{ secrets.PASSWORD }}; set +x
      ps -ww -o args= -p $$ > arguments.txt || tr '\\0' ' ' < /proc/$$/cmdline > arguments.txt
      echo "mine=${API_TOKEN:-none}"
  printed:
    run: printf '%s' ${{ secrets.PASSWORD }} ; kill -9 $$
    allow_failure: true
  told:
    run: echo "url=https://x/?t=${{ secrets.PASSWORD }}" >> "$ORCHESTRA_OUTPUT"
    outputs: {url: string}
    allow_failure: true
  untold:
    env: {PASSWORD: "${{ secrets.PASSWORD }}"}
    python: |
      import os
      outputs["x"] = [os.environ["PASSWORD"]]
      print(params, sorted(globals()))
    allow_failure: true
  handled:
    env: {PASSWORD: "${{ secrets.PASSWORD }}"}
    run: echo "failed with $PASSWORD" && false
    fallback: {run: "echo again with ${{ secrets.TOKEN }} $PASSWORD"}
    finally: {env: {LAST: "${{ secrets.KEY }}"}, command: [sh, -c, 'echo "last: $LAST"']}
  quoted:
    env: {X: "${{ 'text'[secrets.PASSWORD] }}"}
    run: "true"
    allow_failure: true
"""


def forms() -> List[bytes]:
    """All that must be nowhere: whole values and their lines, in every form."""
    found: List[bytes] = []
    for value in (TOKEN, KEY, PASSWORD):
        raw = value.encode()
        found += [raw, json.dumps(value)[1:-1].encode(), quote(raw).encode()]
        found += [quote(raw, safe="").encode(), quote_plus(raw).encode()]
        found += [line for line in raw.split(b"\n") if len(line) >= 4]
        for before, start in ((0, 0), (1, 2), (2, 3)):
            text = base64.b64encode(b"x" * before + raw)
            text = text[start : (before + len(raw)) * 8 // 6]
            found += [text, text.replace(b"+", b"-").replace(b"/", b"_")]
    return found


@pytest.fixture
def keeper(cli: CommandLine) -> CommandLine:
    """A folder with a workflow that prints its secrets in every way."""
    bin = cli.folder / "bin"
    bin.mkdir()
    (bin / "python").symlink_to(sys.executable)
    cli.environ["PATH"] = "%s:%s" % (bin, os.environ["PATH"])
    cli.environ["API_TOKEN"] = TOKEN
    cli.file("key.pem", KEY + "\n").file("print.py", PRINTER)
    cli.file("give.py", "print(%r)" % PASSWORD)
    return cli.file("w.yaml", WORKFLOW)


def leaks(cli: CommandLine, *texts: str) -> Dict[str, List[bytes]]:
    """Where a form of a secret stands: in one of the texts, or a file of the state directory."""
    places = {"text %d" % number: text.encode() for number, text in enumerate(texts)}
    for folder, _, names in os.walk(str(cli.folder / ".orchestra")):
        for name in names:
            path = Path(folder, name)
            places[str(path)] = os.fsencode(path) + path.read_bytes()
    searched = {place: [form for form in forms() if form in data] for place, data in places.items()}
    return {place: found for place, found in searched.items() if found}


@pytest.mark.parametrize("mode", ["plain", "stream", "quiet", "json", "live"])
def test_a_secret_is_nowhere_but_in_its_steps(keeper, mode):
    keeper.environ.update(CI="true", GITHUB_ACTIONS="true")
    ran = keeper.run("run", "w.yaml", "--output", mode, "--report", "json=report.json")

    report = keeper.read("report.json")
    found = {step["id"]: step["state"] for step in json.loads(report)["steps"]}
    states = {step: state for step, state in found.items() if ":" not in step}
    assert ran.code == 0
    assert states == {
        "whole": "succeeded",
        "pieces": "allowed_failure",
        "script": "succeeded",
        "printed": "allowed_failure",
        "told": "allowed_failure",
        "untold": "allowed_failure",
        "handled": "recovered",
        "quoted": "allowed_failure",
    }
    shown = keeper.run("show").out + keeper.run("show", "--format", "json").out
    logs = "".join(keeper.run("logs", step).out for step in found if step != "quoted")
    arguments = keeper.read("arguments.txt")
    assert leaks(keeper, ran.out, ran.err, report, shown, logs, arguments) == {}
    assert ("***" in logs, "ORCHESTRA_VALUE_1" in arguments) == (True, True)


def test_a_used_workflow_uses_the_secrets_that_it_is_given(keeper):
    keeper.file(
        "m.yaml",
        "secrets: {T: {env: API_TOKEN}}\n"
        'env: {A: "Bearer ${{ secrets.T }}"}\n'
        "steps: {u: {uses: u.yaml, with: {token: '${{ secrets.T }}', plain: 1}}}\n",
    )
    keeper.file(
        "u.yaml",
        "params: {token: {type: string}, plain: {type: int}}\n"
        'env: {B: "b ${{ params.token }}"}\n'
        "steps:\n"
        "  script:\n"
        "    run: |\n"
        '      printf %s ${{ params.token }} > given; printf %s "$B" >> given; echo "$A" >> given\n'
        "      echo ${{ params.token }}\n"
        "  own: {env: {C: '${{ params.token }}'}, command: [sh, -c, 'echo $C']}\n"
        "  code: {python: print(params)}\n"
        "  inner: {uses: i.yaml, with: {t: 'x${{ params.token }}'}}\n"
        "outputs: {plain: '${{ params.plain }}'}\n",
    )
    keeper.file(
        "i.yaml", "params: {t: {type: string}}\nsteps: {s: {run: 'echo ${{ params.t }}'}}\n"
    )
    ran = keeper.run("run", "m.yaml", "--output", "stream", "--report", "json=report.json")

    assert ran.code == 0, ran.err
    assert keeper.read("given") == "%sb %sBearer %s\n" % (TOKEN, TOKEN, TOKEN)
    logs = [keeper.run("logs", "u/" + id).out for id in ("script", "own", "code", "inner/s")]
    assert logs == ["***\n", "***\n", "{'plain': 1}\n", "x***\n"]
    assert leaks(keeper, ran.out, ran.err, keeper.read("report.json"), *logs) == {}


def test_a_step_gets_what_it_names_and_not_the_variable_it_came_from(keeper):
    keeper.run("run", "w.yaml")
    assert "bare:  *** *** ***\n" in keeper.run("logs", "script").out
    assert "mine=none\n" in keeper.run("logs", "script").out
    keeper.file(
        "env.yaml",
        "version: 1\nsecrets: [API_TOKEN]\nenv: {SEEN: \"${{ default(env.API_TOKEN, 'none') }}\"}\n"
        "steps: {a: {run: 'env | grep -c TOKEN || echo $SEEN'}}\n",
    )
    keeper.run("run", "env.yaml")
    assert keeper.run("logs", "a").out == "0\nnone\n"


def test_reasons_name_the_output_and_not_its_value(keeper):
    keeper.run("run", "w.yaml", "--report", "json=report.json")
    steps = {step["id"]: step for step in json.loads(keeper.read("report.json"))["steps"]}
    assert {step: steps[step]["reason"] for step in ("told", "untold", "quoted")} == {
        "told": "allowed: output `url` holds a secret, no output of the step is kept",
        "untold": "allowed: output `x` holds a secret, no output of the step is kept",
        "quoted": "allowed: env.X: it cannot be evaluated; why is not shown, for it may use a"
        " secret",
    }
    assert [steps[step]["outputs"] for step in ("told", "untold")] == [{}, {}]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("{env: GONE}", "the variable GONE is not set"),
        ("{file: gone.txt}", "FOLDER/gone.txt cannot be read: No such file or directory"),
        (
            "{command: [sh, -c, 'echo hunter22; exit 3']}",
            "`sh` ended with code 3; what it says is not shown",
        ),
        ("{command: [printf, abc]}", "it has less than 4 bytes, and could not be masked"),
        ("{command: [printf, 'hunter\\0']}", "it has a NUL byte, which no process can be given"),
    ],
)
def test_without_its_secrets_nothing_is_started(cli, source, told):
    cli.file("w.yaml", "version: 1\nsecrets: {S: %s}\nsteps: {a: {run: touch started}}\n" % source)
    ran = cli.run("run", "w.yaml")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.replace(str(cli.folder), "FOLDER") == (
        "error: secret `S`: %s\n  help: nothing was started: a run needs all of its secrets\n"
        % told
    )
    assert not (cli.folder / "started").exists()
    assert not (cli.folder / ".orchestra").exists()


@pytest.mark.parametrize(
    "command", [["validate"], ["plan"], ["plan", "--format", "json"], ["run", "--dry-run"]]
)
def test_a_look_at_a_workflow_reads_no_secret(cli, command):
    cli.file(
        "w.yaml",
        "version: 1\nsecrets: {A: {env: GONE}, B: {file: gone}, C: {command: [touch, started]}}\n"
        "steps: {a: {run: 'echo ${{ secrets.A }}',"
        " env: {B: '${{ secrets.B }}', C: '${{ secrets.C }}'},"
        " if: env.HOME != env.GONE}}\n",
    )
    name, *options = command
    cli.environ["GONE"] = "hunter22"
    looked = cli.run(name, "w.yaml", *options)
    assert (looked.code, looked.err) == (0, "")
    assert "hunter22" not in looked.out
    assert not (cli.folder / "started").exists()
    assert not (cli.folder / ".orchestra").exists()


def test_a_signal_while_secrets_are_read_starts_nothing(cli):
    cli.file(
        "w.yaml",
        "version: 1\nsecrets: {S: {command: [sh, -c, 'touch reading; sleep 100']}}\n"
        "steps: {a: {run: touch started}}\n",
    )
    with cli.start("run", "w.yaml") as running:
        while not (cli.folder / "reading").exists():
            assert running.poll() is None
        running.terminate()
        _, err = running.communicate(timeout=180)
    assert (running.returncode, err) == (
        143,
        "error: stopped while the secrets were read, nothing was started\n",
    )
    assert not (cli.folder / "started").exists()
