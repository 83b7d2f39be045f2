from __future__ import annotations

import json
import os
import signal
import stat
import sys
import textwrap
from pathlib import Path
from types import MappingProxyType
from typing import Any, Callable, Dict, List, Mapping

import pytest

from orchestra.engine.ports import Written
from orchestra.model.expression import ExpressionError, parse_text
from orchestra.model.run import Invocation
from orchestra.model.workflow import (
    OutputType,
    PythonCall,
    PythonCode,
    PythonFile,
    PythonModule,
)
from orchestra.steps.environment import Environments
from orchestra.steps.outputs import read_outputs
from orchestra.steps.place import Place
from orchestra.steps.python import BOOTSTRAP, render_call, render_code, render_file, render_module
from tests.steps.attempts import Ran, an_attempt, run

PYTHONS = [sys.executable, *map(str, Path(sys.base_prefix).parent.glob("3.*/bin/python3"))]
"""This Python and those that are installed beside it."""

RENDERERS: Mapping[type, Callable[..., Invocation]] = {
    PythonCode: render_code,
    PythonFile: render_file,
    PythonModule: render_module,
    PythonCall: render_call,
}

PLANTED = ("json", "os", "re", "io", "traceback", "linecache", "inspect", "runpy", "importlib")


class Child:
    """Runs Python bodies with a workflow folder, a working folder and a run folder of their own."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "flow"
        self.work = root / "work"
        self.private = root / "private"
        self.output = root / "out"
        for folder in (self.folder, self.work, self.private):
            folder.mkdir()

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    def render(self, body: Any, env: Mapping[str, str] = {}, **names: Any) -> Invocation:
        attempt = an_attempt(env=env, names=names)
        place = Place(
            Environments({}, "r1").environment(attempt, str(self.work), str(self.output)),
            str(self.work),
            "/logs/build.1.log",
            str(self.private / "build.1"),
            str(self.folder),
            sys.executable,
        )
        return RENDERERS[type(body)](body, attempt, place)

    def run(self, body: Any, env: Mapping[str, str] = {}, **names: Any) -> Ran:
        return run(self.render(body, env, **names))

    def code(self, text: str, **names: Any) -> Ran:
        return self.run(PythonCode(textwrap.dedent(text)), **names)

    def call(self, call: str, args: Mapping[str, Any] = {}, **names: Any) -> Ran:
        return self.run(PythonCall(call, args), **names)

    def outputs(self, **types: OutputType) -> Written:
        return read_outputs(str(self.output), types)


@pytest.fixture
def child(tmp_path: Path) -> Child:
    return Child(tmp_path)


# What code sees and leaves


@pytest.mark.parametrize("python", PYTHONS)
def test_code_sees_plain_data_and_leaves_outputs_with_any_python(child: Child, python: str) -> None:
    code = """
        print(params, steps["list"]["outputs"]["n"] + 1, type(steps).__name__, __name__)
        outputs["n"] = params["x"] * 2
    """
    ran = child.run(
        PythonCode(textwrap.dedent(code), interpreter=python),
        params={"x": 21},
        steps={"list": {"outputs": {"n": 1}}},
    )
    assert ran == (0, "{'x': 21} 2 dict __main__\n", "")
    assert child.outputs(n=OutputType.INT) == Written({"n": 42})


@pytest.mark.parametrize(
    ("source", "type_", "value"),
    [
        ("'text'", OutputType.STRING, "text"),
        ("''", OutputType.STRING, ""),
        ("'a\\nb\\n'", OutputType.STRING, "a\nb\n"),
        ("'a\\r\\n=<<E'", OutputType.STRING, "a\r\n=<<E"),
        ("'caf\\xe9 \\u2028'", OutputType.STRING, "café \u2028"),
        ("'x' * 10**6", OutputType.STRING, "x" * 10**6),
        ("7", OutputType.INT, 7),
        ("True", OutputType.BOOL, True),
        ("1e-7", OutputType.FLOAT, 1e-7),
        ("None", OutputType.JSON, None),
        ("[1, (2.5, 'a\\n'), {'k': None}]", OutputType.JSON, [1, [2.5, "a\n"], {"k": None}]),
    ],
)
def test_an_output_arrives_with_its_value(
    child: Child, source: str, type_: OutputType, value: Any
) -> None:
    assert child.code("outputs['x'] = " + source) == (0, "", "")
    assert child.outputs(x=type_) == Written({"x": value})


@pytest.mark.parametrize(
    ("statement", "line"),
    [
        (
            "outputs['x'] = {1, 2}",
            "output 'x' of type set cannot be written: Object of type set is not JSON serializable",
        ),
        (
            "import decimal; outputs['x'] = [decimal.Decimal(1)]",
            "output 'x' of type list cannot be written:"
            " Object of type Decimal is not JSON serializable",
        ),
        (
            "import decimal; outputs['x'] = decimal.Decimal(1)",
            "output 'x' of type decimal.Decimal cannot be written:"
            " Object of type Decimal is not JSON serializable",
        ),
        ("outputs['x'] = float('nan')", "output 'x' of type float cannot be written: Out of range"),
        (
            "a = []; a.append(a); outputs['x'] = a",
            "output 'x' of type list cannot be written: Circ",
        ),
        ("outputs['x'] = '\\ud800'", "output 'x' of type str cannot be written: 'utf-8' codec"),
        ("outputs['a b'] = 1", "output 'a b' of type int cannot be written: a name is a letter"),
        ("outputs['x\\n'] = 1", "output 'x\\n' of type int cannot be written: a name is a letter"),
        ("outputs[1] = 1", "output 1 of type int cannot be written: a name is a letter"),
        ("outputs = [1]", "`outputs` is of type list, it has to stay a dict"),
        ("del outputs", "`outputs` is of type NoneType, it has to stay a dict"),
    ],
)
def test_an_output_that_cannot_be_written_fails_the_step_and_is_named(
    child: Child, statement: str, line: str
) -> None:
    ran = child.code("outputs['ok'] = 1\n" + statement)
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert ran.err.startswith("orchestra: " + line)


def test_outputs_that_can_be_written_are_kept_beside_one_that_cannot(child: Child) -> None:
    child.code("outputs.update(a=1, b=object(), c=2)")
    assert child.outputs(a=OutputType.INT, c=OutputType.INT) == Written({"a": 1, "c": 2})


def test_outputs_may_be_bound_anew(child: Child) -> None:
    assert child.code("outputs = {'x': 'new'}").code == 0
    assert child.outputs(x=OutputType.STRING) == Written({"x": "new"})


def test_what_the_code_itself_wrote_to_the_file_stays(child: Child) -> None:
    child.code("""
        import os
        with open(os.environ["ORCHESTRA_OUTPUT"], "a") as file:
            file.write("own=1")
        outputs["x"] = "2"
    """)
    assert child.outputs(own=OutputType.INT, x=OutputType.INT) == Written({"own": 1, "x": 2})


def test_code_without_outputs_makes_no_file(child: Child) -> None:
    child.code("pass")
    assert not child.output.exists()


def test_outputs_filled_before_a_failure_are_written(child: Child) -> None:
    assert child.code("outputs['x'] = 1; raise SystemExit(3)").code == 3
    assert child.outputs(x=OutputType.INT) == Written({"x": 1})


def test_a_fork_that_runs_on_to_the_end_writes_no_outputs(child: Child) -> None:
    ran = child.code("""
        import os, sys
        outputs["x"] = 1
        pid = os.fork()
        if pid:
            os.waitpid(pid, 0)
        else:
            outputs["x"] = 2
            sys.exit(0)
    """)
    assert ran == (0, "", "")
    assert child.output.read_bytes() == b"x=1\n"


def test_the_private_file_is_the_users_own_and_gone_once_read(child: Child) -> None:
    invocation = child.render(PythonCode("print('ran')"))
    (private,) = child.private.iterdir()
    assert (str(private), stat.S_IMODE(private.stat().st_mode)) == (
        os.fsdecode(invocation.argv[-1]),
        0o600,
    )
    assert run(invocation) == (0, "ran\n", "")
    assert list(child.private.iterdir()) == []


@pytest.mark.parametrize("plant", [Path.touch, lambda path: path.symlink_to("elsewhere")])
def test_a_planted_private_file_is_not_written_to(child: Child, plant: Callable[..., Any]) -> None:
    plant(child.private / "build.1.json")
    with pytest.raises(FileExistsError):
        child.render(PythonCode(""))
    assert sorted(os.listdir(child.private)) == ["build.1.json"]


def test_steps_are_not_collected_for_code_that_does_not_name_them(child: Child) -> None:
    child.render(PythonCode("print(params)"), steps={"a": {}})
    (private,) = child.private.iterdir()
    assert json.loads(private.read_bytes()) == {
        "step": "build",
        "names": {"params": {}},
        "code": "print(params)",
    }


def test_a_mapping_that_is_no_dict_arrives_as_a_dict(child: Child) -> None:
    steps = MappingProxyType({"a": MappingProxyType({"outputs": MappingProxyType({"n": [1]})})})
    ran = child.code("print(steps)", steps=steps)
    assert ran == (0, "{'a': {'outputs': {'n': [1]}}}\n", "")


def test_values_are_data_whatever_stands_in_them(child: Child) -> None:
    value = "'\"\n$(touch PWNED) \\ ${{ x }} \0 \u2028 " + b"\xff".decode(
        "utf-8", "surrogateescape"
    )
    ran = child.code("print(ascii(params['x']))", params={"x": value})
    assert ran == (0, ascii(value) + "\n", "")
    assert list(child.work.iterdir()) == []


def test_values_may_be_larger_than_an_argument_or_a_variable(child: Child) -> None:
    child.write("m.py", "def f(a, params): print(len(a), len(params['x']))")
    args = {"a": parse_text("${{ params.x }}")}
    assert child.call("m:f", args, params={"x": "v" * 5_000_000}).out == "5000000 5000000\n"


# How code ends


@pytest.mark.parametrize("python", PYTHONS)
def test_a_traceback_shows_the_lines_of_the_code_and_no_others(child: Child, python: str) -> None:
    code = "def f():\n    return {}['gone']\n\nf()\n"
    ran = child.run(PythonCode(code, interpreter=python))
    lines = [line for line in ran.err.splitlines() if set(line) - set(" ~^")]
    assert (ran.code, ran.out, lines) == (
        1,
        "",
        [
            "Traceback (most recent call last):",
            '  File "<build>", line 4, in <module>',
            "    f()",
            '  File "<build>", line 2, in f',
            "    return {}['gone']",
            "KeyError: 'gone'",
        ],
    )


def test_code_that_cannot_be_read_shows_where(child: Child) -> None:
    ran = child.code("x = 1\nif x\n    pass\n")
    assert ran.code == 1
    assert ran.err.splitlines()[:2] == ['  File "<build>", line 2', "    if x"]


@pytest.mark.parametrize(
    ("statement", "code", "err"),
    [
        ("sys.exit()", 0, ""),
        ("sys.exit(0)", 0, ""),
        ("sys.exit(75)", 75, ""),
        ("sys.exit('no luck')", 1, "no luck\n"),
        ("os._exit(4)", 4, ""),
        ("os.kill(os.getpid(), 9)", -9, ""),
        ("os.abort()", -signal.SIGABRT, ""),
    ],
)
@pytest.mark.parametrize("kind", ["code", "file"])
def test_the_end_of_code_is_pythons_own(
    child: Child, kind: str, statement: str, code: int, err: str
) -> None:
    text = "import os, sys\n" + statement
    child.write("f.py", text)
    body: Dict[str, Any] = {"code": PythonCode(text), "file": PythonFile("f.py")}
    assert child.run(body[kind]) == (code, "", err)


def test_an_interrupt_ends_code_by_the_signal(child: Child) -> None:
    ran = child.code("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nwhile True: pass")
    assert (ran.code, ran.err.splitlines()[-1]) == (-signal.SIGINT, "KeyboardInterrupt")
    assert "bootstrap" not in ran.err


def test_an_exception_keeps_its_cause_and_what_the_code_does_with_it(child: Child) -> None:
    ran = child.code("""
        import sys
        sys.excepthook = lambda kind, value, trace: print("hook", kind.__name__, value.__cause__)
        try:
            1 / 0
        except ZeroDivisionError as fault:
            raise ValueError() from fault
    """)
    assert ran == (1, "hook ValueError division by zero\n", "")


def test_output_is_not_held_back(child: Child) -> None:
    ran = child.code("import os; print('said', end=''); os._exit(0)")
    assert ran == (0, "said", "")


def test_what_the_step_says_of_buffering_stays(child: Child) -> None:
    body = PythonCode("import os; print('held'); os._exit(0)")
    assert child.run(body, env={"PYTHONUNBUFFERED": ""}) == (0, "", "")


# Where code finds its modules


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("kind", ["code", "call", "file", "module"])
def test_modules_planted_in_the_folder_and_the_working_dir_do_not_reach_the_bootstrap(
    child: Child, python: str, kind: str
) -> None:
    for name in PLANTED:
        child.write(name + ".py", "raise SystemExit('planted')")
        (child.work / (name + ".py")).write_text("raise SystemExit('planted')")
    child.write("mine.py", "print('ran', __name__)\ndef f(params): return {'x': len(params)}\n")
    body: Dict[str, Any] = {
        "code": PythonCode("import mine; outputs['x'] = 1", python),
        "call": PythonCall("mine:f", {}, python),
        "file": PythonFile("mine.py", (), python),
        "module": PythonModule("mine", (), python),
    }
    ran = child.run(body[kind])
    name = "mine" if kind in ("code", "call") else "__main__"
    assert ran == (0, "ran %s\n" % name, "")


def test_a_failure_is_shown_although_the_folder_shadows_what_shows_it(child: Child) -> None:
    child.write("traceback.py", "raise SystemExit('planted')")
    child.write("linecache.py", "raise SystemExit('planted')")
    assert child.code("1 / 0").err.splitlines()[-1] == "ZeroDivisionError: division by zero"


def test_the_folder_of_the_workflow_comes_first(child: Child) -> None:
    child.write("queue.py", "print('mine')")
    assert child.code("import queue, sys; print(sys.path[0])").out == "mine\n%s\n" % child.folder


def test_the_working_dir_is_not_searched(child: Child) -> None:
    (child.work / "elsewhere.py").write_text("")
    ran = child.code("import elsewhere")
    assert ran.err.splitlines()[-1] == "ModuleNotFoundError: No module named 'elsewhere'"


def test_the_steps_own_pythonpath_works(child: Child) -> None:
    (child.work / "elsewhere.py").write_text("print('found')")
    ran = child.run(PythonCode("import elsewhere"), env={"PYTHONPATH": str(child.work)})
    assert ran == (0, "found\n", "")


@pytest.mark.parametrize("env", [{}, {"PYTHONSAFEPATH": "1"}])
@pytest.mark.parametrize("kind", ["code", "file", "module", "call"])
def test_the_folder_of_the_bootstrap_is_not_searched(
    child: Child, kind: str, env: Mapping[str, str]
) -> None:
    child.write(
        "look.py",
        """
        import os, sys
        def f(): print(%r in map(os.path.realpath, sys.path))
        if __name__ == "__main__": f()
        """
        % os.path.realpath(os.path.dirname(BOOTSTRAP)),
    )
    body: Dict[str, Any] = {
        "code": PythonCode("import look; look.f()"),
        "call": PythonCall("look:f"),
        "file": PythonFile("look.py"),
        "module": PythonModule("look"),
    }
    assert child.run(body[kind], env) == (0, "False\n", "")


# Files and modules


@pytest.mark.parametrize("python", PYTHONS)
def test_a_file_runs_as_a_script(child: Child, python: str) -> None:
    child.write("sub/beside.py", "")
    child.write(
        "sub/f.py",
        """
        import sys, beside
        print(__name__, __file__ == sys.argv[0], sys.argv[1:], sys.path[:2], __spec__)
        """,
    )
    ran = child.run(PythonFile("sub/f.py", ("a b", "-c"), python))
    path = [str(child.folder), str(child.folder / "sub")]
    assert ran == (0, "__main__ True ['a b', '-c'] %s None\n" % path, "")


def test_a_file_shows_its_failures_as_a_script_does(child: Child) -> None:
    child.write("f.py", "1 / 0\n")
    err = child.run(PythonFile("f.py")).err.splitlines()
    assert err[:3] == [
        "Traceback (most recent call last):",
        '  File "%s", line 1, in <module>' % (child.folder / "f.py"),
        "    1 / 0",
    ]


def test_a_file_may_have_an_encoding_of_its_own(child: Child) -> None:
    (child.folder / "f.py").write_bytes(b"# -*- coding: latin-1 -*-\nprint(ascii('\xe9'))\n")
    assert child.run(PythonFile("f.py")).out == "'\\xe9'\n"


def test_a_file_that_is_missing_is_told(child: Child) -> None:
    path = child.folder / "gone.py"
    assert child.run(PythonFile("gone.py")) == (
        2,
        "",
        "orchestra: cannot read %s: No such file or directory\n" % path,
    )


def test_a_file_gets_its_arguments_from_expressions(child: Child) -> None:
    child.write("f.py", "import sys; print(sys.argv[1:])")
    args = tuple(parse_text(text) for text in ("${{ params.files }}", "n=${{ params.n }}"))
    ran = child.run(PythonFile("f.py", args), params={"files": ["a b", "$(id)"], "n": 3})
    assert ran.out == "['a b', '$(id)', 'n=3']\n"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_file_may_use_processes(child: Child, method: str) -> None:
    child.write(
        "f.py",
        """
        import multiprocessing, sys
        import beside

        def double(n):
            return beside.double(n)

        if __name__ == "__main__":
            with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
                print(pool.map(double, [1, 2]))
        """,
    )
    child.write("beside.py", "def double(n): return 2 * n")
    assert child.run(PythonFile("f.py", (method,))) == (0, "[2, 4]\n", "")


def test_code_may_use_processes_that_fork(child: Child) -> None:
    ran = child.code("""
        import multiprocessing
        def double(n):
            return 2 * n
        with multiprocessing.get_context("fork").Pool(2) as pool:
            outputs["x"] = pool.map(double, [1, 2])
    """)
    assert ran == (0, "", "")
    assert child.outputs(x=OutputType.JSON) == Written({"x": [2, 4]})


def test_code_may_use_functions_of_modules_in_processes_that_spawn(child: Child) -> None:
    child.write("beside.py", "def double(n): return 2 * n")
    ran = child.code("""
        import multiprocessing, beside
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            print(pool.map(beside.double, [1, 2]))
    """)
    assert ran == (0, "[2, 4]\n", "")


@pytest.mark.parametrize("python", PYTHONS)
def test_a_module_runs_as_with_m(child: Child, python: str) -> None:
    child.write("pack/__init__.py", "")
    child.write(
        "pack/__main__.py",
        """
        import sys
        print(__name__, __spec__.name, sys.argv == [__file__, "a b", "-x"], sys.path[0])
        """,
    )
    ran = child.run(PythonModule("pack", ("a b", "-x"), python))
    assert ran == (0, "__main__ pack.__main__ True %s\n" % child.folder, "")


def test_a_module_that_is_missing_is_told_as_with_m(child: Child) -> None:
    ran = child.run(PythonModule("no_such_module"))
    assert ran == (1, "", "%s: No module named no_such_module\n" % sys.executable)


def test_a_module_of_the_standard_library_runs(child: Child) -> None:
    ran = child.run(PythonModule("json.tool", ("--help",)))
    assert (ran.code, ran.out.split()[0]) == (0, "usage:")


# Calls


@pytest.mark.parametrize("python", PYTHONS)
def test_a_call_gets_its_arguments_by_name_and_gives_its_outputs(child: Child, python: str) -> None:
    child.write("pack/__init__.py", "")
    child.write("pack/load.py", "def load(n, names): return {'n': n + 1, 'names': names}")
    args = {"n": parse_text("${{ params.n }}"), "names": ["a", {"k": parse_text("${{ 1 > 2 }}")}]}
    assert child.run(PythonCall("pack.load:load", args, python), params={"n": 1}) == (0, "", "")
    types = {"n": OutputType.INT, "names": OutputType.JSON}
    assert child.outputs(**types) == Written({"n": 2, "names": ["a", {"k": False}]})


def test_a_call_sees_the_names_that_its_parameters_ask_for(child: Child) -> None:
    child.write(
        "m.py",
        """
        def f(a, params, outputs, *, steps, other="mine"):
            outputs["filled"] = a
            return {"seen": [params, steps, other]}
        """,
    )
    ran = child.call("m:f", {"a": "1"}, params={"p": 1}, steps={"s": {}})
    assert ran == (0, "", "")
    types = {"filled": OutputType.STRING, "seen": OutputType.JSON}
    assert child.outputs(**types) == Written({"filled": "1", "seen": [{"p": 1}, {"s": {}}, "mine"]})


def test_an_argument_wins_over_a_name_that_is_seen(child: Child) -> None:
    child.write("m.py", "def f(params, steps=None): print(params, steps)")
    ran = child.call("m:f", {"params": "given"}, params={"p": 1}, steps={"s": {}})
    assert ran.out == "given None\n"


def test_a_call_may_name_a_method_and_a_callable_that_tells_no_parameters(child: Child) -> None:
    child.write("m.py", "class C:\n    @staticmethod\n    def f(a): print(a)\n    g = dict\n")
    assert child.call("m:C.f", {"a": "x"}).out == "x\n"
    assert child.call("m:C.g", {"a": "x"}).code == 0
    assert child.outputs(a=OutputType.STRING) == Written({"a": "x"})


@pytest.mark.parametrize(
    ("result", "types", "written"),
    [
        ("None", {}, Written({})),
        ("{}", {}, Written({})),
        ("types.MappingProxyType({'x': 1})", {"x": OutputType.INT}, Written({"x": 1})),
    ],
)
def test_a_call_may_return(
    child: Child, result: str, types: Dict[str, OutputType], written: Written
) -> None:
    child.write("m.py", "import types\ndef f(): return " + result)
    assert child.call("m:f") == (0, "", "")
    assert child.outputs(**types) == written


@pytest.mark.parametrize(
    ("call", "line"),
    [
        ("m:number", "orchestra: m:number returned a value of type int, not a mapping"),
        ("m:later", "orchestra: m:later returned a value of type coroutine, not a mapping"),
        ("m:gone", "orchestra: m:gone: there is no 'gone' in 'm'"),
        ("m:C.gone", "orchestra: m:C.gone: there is no 'gone' in 'm'"),
        ("m:strange", "orchestra: output 'x' of type m.C cannot be written: Object of type C is"),
        ("m:unnamed", "orchestra: output 1 of type int cannot be written: a name is a letter"),
        ("gone:f", "ModuleNotFoundError: No module named 'gone'"),
        ("m:needy", "TypeError: needy() missing 1 required positional argument: 'a'"),
    ],
)
def test_a_call_that_does_not_work_out_is_told(child: Child, call: str, line: str) -> None:
    child.write(
        "m.py",
        """
        class C: pass
        def number(): return 5
        async def later(): pass
        def strange(): return {"x": C()}
        def unnamed(): return {1: 1}
        def needy(a): pass
        """,
    )
    ran = child.call(call)
    told: List[str] = [text for text in ran.err.splitlines() if "was never awaited" not in text]
    assert (ran.code, ran.out) == (1, "")
    assert any(text.startswith(line) for text in told)
    assert "bootstrap" not in ran.err


def test_a_call_that_raises_shows_the_callers_lines_alone(child: Child) -> None:
    child.write("m.py", "def f(): raise ValueError('no')\n")
    err = child.call("m:f").err.splitlines()
    assert [line for line in err if "File" in line] == [
        '  File "%s", line 1, in f' % (child.folder / "m.py")
    ]


def test_an_argument_of_a_call_that_cannot_be_evaluated_is_named(child: Child) -> None:
    with pytest.raises(ExpressionError) as caught:
        child.render(PythonCall("m:f", {"n": parse_text("${{ 1 / 0 }}")}))
    assert caught.value.message.startswith("python argument n: ")


# Which Python


def test_the_interpreter_is_orchestras_own_unless_named(child: Child) -> None:
    invocation = child.render(PythonFile("f.py"))
    assert (invocation.argv[0], invocation.executable) == (os.fsencode(sys.executable),) * 2


@pytest.mark.parametrize(
    ("interpreter", "program", "executable"),
    [
        ("python3.9", "python3.9", None),
        ("venv/bin/python", "{}/venv/bin/python", "{}/venv/bin/python"),
        ("/opt/py/bin/python", "/opt/py/bin/python", "/opt/py/bin/python"),
    ],
)
def test_an_interpreter_is_a_name_or_a_path_from_the_workflows_folder(
    child: Child, interpreter: str, program: str, executable: Any
) -> None:
    invocation = child.render(PythonFile("f.py", (), interpreter))
    folder = str(child.folder)
    assert invocation.argv[0] == os.fsencode(program.format(folder))
    assert invocation.executable == (executable and os.fsencode(executable.format(folder)))
