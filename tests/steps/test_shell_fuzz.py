"""Random scripts: an accepted value is never run, and a harmless one works as it reads."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Dict, List

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from orchestra.spec.shellscan import scan
from tests.effort import examples
from tests.steps.shells import SHELLS, Finished, invocation, run_argv

# § is a value; K commands, S one of them, W a word, Q text in double quotes, L lines of a
# here-document. No other capital letters stand in these.
GRAMMAR: Dict[str, List[str]] = {
    "K": [
        "S",
        " S; S",
        "S\nS",
        "S && S",
        "S || S",
        "S | cat",
        "S & wait",
        "S # § \" ' ` $(\nS",
        "\n#§\nS\n",
        "S \\\n || S",
    ],
    "S": [
        "printf '<%s>' W W",
        'printf "[%s]" W',
        "echo W",
        'v=W; echo "$v"',
        "v=W printf '%s' W",
        "cat <<e\nL\ne\n",
        "cat <<-e | cat\n\tL\n\te\n",
        "cat <<'e'\n$( ` \"\ne\necho §",
        "cat <<e <<f; echo W\nL\ne\nL\nf\n",
        "case W in W) K;; (x|W) K\n;; *) K;; esac",
        "case W in a) ;; *) K\nesac",
        'for i in W §; do echo "$i"; done',
        "if S; then K\nelse K\nfi",
        "while false; do K\ndone",
        "( K )",
        "{ K\n}",
        "f() { K\n}; f W",
        "! S",
        "[ W = W ] && echo yes",
        "test -n W && echo yes",
        "set -- W W; printf '(%s)' \"$@\"",
        'export x=W; echo "$x"',
        ">f S; cat f",
        "S 2>/dev/null",
        "echo W >f; cat <f",
        "[[ W == W && -n W ]] && echo yes",
        "[[ W != *§* || a =~ W ]] || echo no",
        "a=(W § [3]=W); printf '%s.' \"${a[@]}\"",
        'declare d=W; echo "$d"',
        "cat <<<W",
        "cat <(K)",
        "((1 < 2)) && S",
        "time S",
        "function g { K\n}; g W",
    ],
    "W": [
        "§",
        "§",
        "w",
        "a§b",
        "§§",
        '"Q"',
        "'a § \"b\" #'",
        "'§\n§'",
        "$(K)",
        '"$(K)"',
        "${x:-W}",
        "${y#W}",
        "${y%%W}",
        "${x:+W}",
        '"${x:-Q}"',
        "WW",
        "{a,§}",
        "~§",
        "*§",
        "-§",
        "k=§",
        "\\\\§",
        "\\\"§\\'",
        "a#§",
        "\\\n§",
        "$((1 + (2)))§",
        "`echo b`§",
        "${y}§",
        "${#y}§",
        "$'it\\'s'§",
        "<(K)",
    ],
    "Q": [
        "§",
        "a § b",
        "it's §",
        '\\"§\\$ \\\\',
        "$(K)",
        "${x:-§}",
        '${y#"a"} §',
        "# §",
        "§\n§",
        "QQ",
        "`echo b` §",
    ],
    "L": [
        "§",
        "a § \"b\" 'c'",
        "L\nL",
        "$(K)",
        "${x:-§}",
        "\\\\§ \\$",
        "it's #§",
        "$(cat <<g\nL\ng\n)",
        "§\\\n§",
    ],
}
LEAVES = {"K": ["echo §"], "S": ["echo §"], "W": ["§"], "Q": ["§"], "L": ["§"]}

HOSTILE = [
    "$(>PWNED)",
    "`>PWNED`",
    "a[$(>PWNED)]",
    "-va[$(>PWNED)]",
    "($(>PWNED))",
    '";>PWNED;"',
    "';>PWNED;'",
    "\n>PWNED\n#",
    "}; >PWNED; {",
    ") >PWNED; (",
    "\ne\n>PWNED\n",
    "\\",
]

quick = settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


@st.composite
def scripts(draw: st.DrawFn) -> str:
    """A script in which most places are accepted."""

    def expand(symbol: str, depth: int) -> str:
        choices = GRAMMAR[symbol] if depth else LEAVES[symbol]
        chosen = draw(st.sampled_from(choices))
        return "".join(expand(c, depth - 1) if c in GRAMMAR else c for c in chosen)

    return expand("K", draw(st.integers(2, 5)))


def accepted(script: str, shell: str) -> None:
    """Go on only with scripts that the scanner accepts and the shell can read."""
    assume(len(script) < 2000 and "§" in script)
    assume(not scan(script.replace("§", "${{ params.v }}"), shell).problems)
    read = subprocess.run(
        [shell, "-n", "-c", script.replace("§", "abc")], capture_output=True, check=False
    )
    assume((read.returncode, read.stderr) == (0, b""))


def run(script: str, shell: str, value: str) -> Finished:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder, "work")
        started = invocation(script.replace("§", "${{ params.v }}"), shell, {"v": value}, work)
        return run_argv(started.argv, work, {**started.env, b"y": b"abcd"})


def run_as_text(script: str, shell: str, value: str) -> Finished:
    """The script with the value put into its text, which is right for a value of letters."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder, "work")
        argv = invocation("", shell, {}, work).argv[:-1]
        return run_argv([*argv, os.fsencode(script.replace("§", value))], work, {b"y": b"abcd"})


@quick
@given(scripts(), st.sampled_from(SHELLS), st.sampled_from(HOSTILE))
def test_an_accepted_script_runs_nothing_of_a_value(script: str, shell: str, value: str) -> None:
    accepted(script, shell)

    assert "PWNED" not in run(script, shell, value).files


@quick
@given(scripts(), st.sampled_from(SHELLS))
def test_a_harmless_value_works_as_if_it_stood_in_the_text(script: str, shell: str) -> None:
    accepted(script, shell)

    done = run(script, shell, "abc")

    as_text = run_as_text(script, shell, "abc")
    # functions that call each other without end kill the shell, never at the same depth
    assume(as_text.code >= 0)
    assert (done.code, done.output, done.files) == (as_text.code, as_text.output, as_text.files)
