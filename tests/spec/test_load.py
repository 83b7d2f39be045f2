"""What a good workflow file becomes, value by value."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import pytest

from orchestra.errors import Problem, UsageError
from orchestra.model.expression import Template, parse, parse_text
from orchestra.model.workflow import (
    ON_DONE,
    Artifacts,
    ArtifactsWhen,
    Command,
    Concurrency,
    GroupPolicy,
    Need,
    NeedResult,
    OutputType,
    Param,
    ParamType,
    PythonCall,
    PythonCode,
    PythonFile,
    PythonModule,
    Requirement,
    Retry,
    RetryWhen,
    ShellScript,
    Slot,
    Splice,
    Step,
    Stop,
    Workflow,
)
from orchestra.spec.load import load


def workflow(text: str) -> Workflow:
    loaded = load("/etc/flow.yaml", text.encode())
    assert loaded.faults == ()
    assert loaded.workflow is not None
    return loaded.workflow


def step(keys: str) -> Step:
    head = "params: {p: 1}\nsteps:\n  above: {outputs: {o: int}}\n  it:\n    "
    return workflow(head + keys.replace("\n", "\n    ")).step_by_id["it"]


IT = Step("it", 1)
VALUE: Any = getattr(parse_text("echo ${{ params.p }}"), "parts", ())[-1]

STEPS: Dict[str, Step] = {
    "artifacts: {paths: dist}": IT._replace(artifacts=Artifacts(("dist",))),
    "artifacts: {paths: [a, '${{ params.p }}'], when: always}": IT._replace(
        artifacts=Artifacts(("a", parse_text("${{ params.p }}")), ArtifactsWhen.ALWAYS)
    ),
    "enforce: true\nresources: {cpu: 2}": IT._replace(enforce=True, resources={"cpu": 2000}),
    "description: a gate": IT._replace(description="a gate"),
    "run: make": IT._replace(body=ShellScript(("make",))),
    "run: make\nshell: sh": IT._replace(body=ShellScript(("make",), "sh")),
    "run: make\nshell: [zsh, -c]": IT._replace(body=ShellScript(("make",), ("zsh", "-c"))),
    "run: |\n  a\n  b": IT._replace(body=ShellScript(("a\nb",))),
    "run: echo ${{ params.p }}": IT._replace(
        body=ShellScript(("echo ", Slot(VALUE, Splice.WORDS)))
    ),
    "command: [echo, 3.10, 0x1F, 1, true, x]": IT._replace(
        body=Command(("echo", "3.10", "0x1F", "1", "true", "x"))
    ),
    'command: ["${{ params.p }}", "a${{ run.id }}"]': IT._replace(
        body=Command((parse_text("${{ params.p }}"), parse_text("a${{ run.id }}")))
    ),
    "python: print(1)": IT._replace(body=PythonCode("print(1)")),
    "python: {file: passwd, args: [1.50]}": IT._replace(body=PythonFile("passwd", ("1.50",))),
    "python: {module: json.tool, interpreter: python3.9}": IT._replace(
        body=PythonModule("json.tool", (), "python3.9")
    ),
    'python: {call: "a.b:c", args: {x: [1, "${{ params.p }}"], y: null}}': IT._replace(
        body=PythonCall("a.b:c", {"x": [1, parse_text("${{ params.p }}")], "y": None})
    ),
    "name: build ${{ params.p }}": IT._replace(name=parse_text("build ${{ params.p }}")),
    "name: 3.10": IT._replace(name="3.10"),
    "needs: above": IT._replace(needs=(Need("above"),)),
    "needs: []": IT,
    "needs: [above, other]": IT._replace(needs=(Need("above"), Need("other"))),
    "needs: {step: above, when: failure}": IT._replace(
        needs=(Need("above", frozenset({NeedResult.FAILURE})),)
    ),
    "needs: [{step: above, when: [success, skipped]}, {step: b, when: done}]": IT._replace(
        needs=(
            Need("above", frozenset({NeedResult.SUCCESS, NeedResult.SKIPPED})),
            Need("b", ON_DONE),
        )
    ),
    "if: params.p > 0": IT._replace(condition=parse("params.p > 0")),
    "if: ${{ failure() }}": IT._replace(condition=parse("${{ failure() }}")),
    "if: true": IT._replace(condition=parse("true")),
    "require: [{if: params.p > 0, message: no}]": IT._replace(
        require=(Requirement(parse("params.p > 0"), "no"),)
    ),
    "require: [{if: 'false', message: '${{ params.p }}'}]": IT._replace(
        require=(Requirement(parse("false"), parse_text("${{ params.p }}")),)
    ),
    "run: x\nresources: {memory: 1GiB}\nretry:\n  max: 2\n  resources: {memory: x2, cpu: x1.5}\n"
    "  when: {oom: true, output: 'a+'}": IT._replace(
        body=ShellScript(("x",)),
        resources={"memory": 2**30},
        retry=Retry(
            2, when=RetryWhen(oom=True, output="a+"), resources={"memory": 2.0, "cpu": 1.5}
        ),
    ),
    "working_dir: /": IT._replace(working_dir="/"),
    "working_dir: /${{ params.p }}": IT._replace(working_dir=parse_text("/${{ params.p }}")),
    "env: {A: no, B: 012, C: 3.10, D: true, E: 1, F: '', path: x, A B: y}": IT._replace(
        env={
            "A": "no",
            "B": "012",
            "C": "3.10",
            "D": "true",
            "E": "1",
            "F": "",
            "path": "x",
            "A B": "y",
        }
    ),
    "env: {A: '${{ steps.above.outputs.o }}'}": IT._replace(
        env={"A": parse_text("${{ steps.above.outputs.o }}")}
    ),
    "inherit_env: false": IT._replace(inherit_env=False),
    "inherit_env: [PATH, HOME]": IT._replace(inherit_env=("PATH", "HOME")),
    "timeout: 1h30m": IT._replace(timeout=5400.0),
    "timeout: ${{ params.p }}s": IT._replace(timeout=parse_text("${{ params.p }}s")),
    "stop: {signal: INT, grace: 0}": IT._replace(stop=Stop("SIGINT", 0.0)),
    "stop: {grace: 0.25s}": IT._replace(stop=Stop("SIGTERM", 0.25)),
    "retry: 2": IT._replace(retry=Retry(2)),
    "retry: {max: 3, delay: 5s, backoff: 2, max_delay: 1m, jitter: 0.5, max_time: 1h}": (
        IT._replace(retry=Retry(3, 5.0, 2.0, 60.0, 0.5, 3600.0))
    ),
    "retry: {max: 1, when: {exit_codes: [75], signals: [SIGKILL, TERM], timeout: true}}": (
        IT._replace(retry=Retry(1, when=RetryWhen((75,), ("SIGKILL", "SIGTERM"), True)))
    ),
    "allow_failure: true": IT._replace(allow_failure=True),
    "allow_failure: {exit_codes: [1, 2]}": IT._replace(allow_failure=(1, 2)),
    "success_codes: [0, 3]\nskip_codes: [100]": IT._replace(
        success_codes=(0, 3), skip_codes=(100,)
    ),
    "outputs: {a: string, b: json}": IT._replace(
        outputs={"a": OutputType.STRING, "b": OutputType.JSON}
    ),
    "resources: {cpu: 500m, memory: 1GiB, gpu: 1, disk: 1kB, network: 0, db: 2}": IT._replace(
        resources={"cpu": 500, "memory": 2**30, "gpu": 1, "disk": 1000, "network": 0, "db": 2}
    ),
    "resources: {cpu: 0.5, db: 3.0}": IT._replace(resources={"cpu": 500, "db": 3}),
    "resources: {cpu: 0}": IT._replace(resources={"cpu": 0}),
    "resources: {memory: '${{ params.p }}GiB'}": IT._replace(
        resources={"memory": parse_text("${{ params.p }}GiB")}
    ),
    "priority: -5": IT._replace(priority=-5),
    "mutex: db": IT._replace(mutex=("db",)),
    "mutex: [db, web, db]": IT._replace(mutex=("db", "web")),
    "duration: 20m": IT._replace(duration_s=1200.0),
}


@pytest.mark.parametrize("keys", STEPS)
def test_a_step_is_what_its_keys_say(keys: str) -> None:
    assert step(keys) == STEPS[keys]


def root(text: str) -> Workflow:
    return workflow(text + "\nsteps: {it: {}}")


ROOTS: Dict[str, Dict[str, Any]] = {
    "": {},
    "version: 1": {},
    "name: 3.10": {"name": "3.10"},
    "description: text": {"description": "text"},
    "labels: {team: data, n: 1}": {"labels": {"team": "data", "n": "1"}},
    "vars: {a: '${{ vars.b }}', b: [1, {c: text}]}": {
        "vars": {"a": parse_text("${{ vars.b }}"), "b": [1, {"c": "text"}]}
    },
    "env: {A: '${{ run.id }}', B: 1}": {"env": {"A": parse_text("${{ run.id }}"), "B": "1"}},
    "env_file: passwd": {"env_files": ("passwd",)},
    "env_file: [/etc/passwd]": {"env_files": ("/etc/passwd",)},
    "inherit_env: [PATH]": {"inherit_env": ("PATH",)},
    "budget: {cpu: 8, memory: 16GiB, db: 4}": {
        "budget": {"cpu": 8000, "memory": 16 * 2**30, "db": 4}
    },
    "max_parallel: 4": {"max_parallel": 4},
    "fail_fast: true": {"fail_fast": True},
    "timeout: 2h": {"timeout_s": 7200.0},
    "concurrency: {limit: 2}": {"concurrency": Concurrency(None, 2)},
    "concurrency: {group: '${{ run.name }}', policy: skip}": {
        "concurrency": Concurrency(parse_text("${{ run.name }}"), 1, GroupPolicy.SKIP)
    },
    "defaults: {env: {A: b}}": {"default_env": {"A": "b"}},
}


@pytest.mark.parametrize("text", ROOTS)
def test_a_workflow_is_what_its_root_keys_say(text: str) -> None:
    fields = {
        "path": "/etc/flow.yaml",
        "folder": "/etc",
        "name": "flow",
        "step_by_id": {"it": Step("it", 0)},
        **ROOTS[text],
    }
    assert root(text) == Workflow(**fields)


PARAMS: Dict[str, Param] = {
    "eu": Param("p", ParamType.STRING, "eu", True),
    "3": Param("p", ParamType.INT, 3, True),
    "0.5": Param("p", ParamType.FLOAT, 0.5, True),
    "false": Param("p", ParamType.BOOL, False, True),
    "[1, a]": Param("p", ParamType.JSON, [1, "a"], True),
    "": Param("p"),
    "{}": Param("p"),
    "{required: true}": Param("p", required=True),
    "{type: date, default: yesterday}": Param("p", ParamType.DATE, "yesterday", True),
    "{type: date, default: 2026-11-22}": Param("p", ParamType.DATE, "2026-11-22", True),
    "{type: path, default: data/in}": Param("p", ParamType.PATH, "data/in", True),
    "{type: json, default: {a: 1}}": Param("p", ParamType.JSON, {"a": 1}, True),
    "{type: string, default: 012}": Param("p", ParamType.STRING, "012", True),
    "{type: string, default: 12}": Param("p", ParamType.STRING, "12", True),
    "{type: float, default: 1}": Param("p", ParamType.FLOAT, 1.0, True),
    "{enum: [eu, us]}": Param("p", enum=("eu", "us")),
    "{enum: [1, 2], default: 2}": Param("p", ParamType.INT, 2, True, enum=(1, 2)),
    "{pattern: '[a-z]+', description: why}": Param("p", pattern="[a-z]+", description="why"),
    "{type: int, min: 1, max: 9}": Param("p", ParamType.INT, min=1, max=9),
}


@pytest.mark.parametrize("text", PARAMS)
def test_a_parameter_is_what_its_rules_say(text: str) -> None:
    assert root("params:\n  p: " + text).params == {"p": PARAMS[text]}


def test_the_steps_stand_in_the_order_of_the_file() -> None:
    found = workflow("steps: {z: {}, a: {needs: z}, m: {}}").step_by_id
    assert [(id, found[id].place) for id in found] == [("z", 0), ("a", 1), ("m", 2)]


DEFAULTS = """\
defaults:
  timeout: 10m
  retry: {max: 2, delay: 1s}
  shell: sh
  env: {A: b}
  resources: {cpu: 2, memory: 1GiB}
  success_codes: [0, 3]
steps:
  plain: {run: x}
  own: {run: x, timeout: 5s, retry: 0, shell: bash, env: {C: d}, resources: {cpu: 1}}
  gate: {}
"""


def test_a_step_takes_each_default_whole_unless_it_gives_the_key_itself() -> None:
    found = workflow(DEFAULTS)
    shared: Dict[str, Any] = {"success_codes": (0, 3)}
    rest: Dict[str, Any] = {
        "timeout": 600.0,
        "retry": Retry(2, 1.0),
        "resources": {"cpu": 2000, "memory": 2**30},
        **shared,
    }
    assert dict(found.step_by_id) == {
        "plain": Step("plain", 0, ShellScript(("x",), "sh"), **rest),
        "own": Step(
            "own",
            1,
            ShellScript(("x",), "bash"),
            timeout=5.0,
            env={"C": "d"},
            resources={"cpu": 1000},
            **shared,
        ),
        "gate": Step("gate", 2, **rest),
    }


def test_expressions_in_defaults_are_those_of_each_step() -> None:
    text = "params: {m: 1}\ndefaults: {resources: {memory: '${{ params.m }}GiB'}}\nsteps: {a: {}}"
    [found] = workflow(text).step_by_id.values()
    assert isinstance(found.resources["memory"], Template)


def test_a_file_is_read_where_no_bytes_are_given(tmp_path: Path) -> None:
    path = tmp_path / "nightly.yaml"
    path.write_text("steps: {a: {run: x}}")
    found = load(str(path)).workflow
    assert found is not None
    assert (found.name, found.path, found.folder) == ("nightly", str(path), str(tmp_path))


def test_the_paths_of_a_workflow_are_absolute_and_its_faults_named_as_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.py").write_text("")
    good = load("./flow.yaml", b"steps: {a: {python: {file: x.py}}}").workflow
    [fault] = load("./flow.yaml", b"steps: {a: {python: {file: y.py}}}").faults
    assert good is not None
    assert (good.path, good.folder, fault.file) == (
        str(tmp_path / "flow.yaml"),
        str(tmp_path),
        "./flow.yaml",
    )


def test_a_file_that_is_missing_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        load(str(tmp_path / "none.yaml"))


def test_problems_found_elsewhere_are_placed_and_sorted_among_the_warnings() -> None:
    loaded = load("f.yaml", b"steps:\n  a: {command: [x], shell: sh}\n  b: {needs: [a, c]}\n")
    unknown = Problem(("steps", "b", "needs", 1), "unknown-step", "no `c`", "did you mean `a`?")
    first = Problem(("steps",), "other", "first", on_key=True)
    assert [(f.line, f.column, f.code) for f in loaded.located([unknown, first])] == [
        (1, 1, "other"),
        (2, 28, "no-use"),
        (3, 18, "unknown-step"),
    ]


def test_one_problem_found_elsewhere_gets_its_place() -> None:
    loaded = load("f.yaml", b"steps:\n  a: {needs: b}\n")
    (fault,) = loaded.located([Problem(("steps", "a", "needs", 0), "unknown-step", "no `b`")])
    assert fault[:4] == ("f.yaml", 2, 14, ("steps", "a", "needs", 0))
