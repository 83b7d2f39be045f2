"""What a step depends on, and whether it is up to date: over real files and a record in memory."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import pytest

from orchestra.engine.caching import Finding, Question, Seal
from orchestra.engine.scope import RunFacts, Scopes
from orchestra.engine.views import StepsView
from orchestra.errors import StoreError
from orchestra.model.events import CacheMissed, StepEnded, SuccessKept
from orchestra.model.expression import parse, parse_text
from orchestra.model.workflow import (
    Cache,
    Command,
    FromVariable,
    OutputType,
    PythonCall,
    PythonCode,
    PythonFile,
    PythonModule,
    ShellScript,
    Slot,
    Splice,
    Step,
)
from orchestra.spec.scalars import SourceFloat
from orchestra.steps.cache import StepCache
from orchestra.steps.files import file_functions
from tests.contracts.test_cache_contract import DictRecord
from tests.engine.plans import BODY, step, workflow

LONG_AGO_S = 1_000_000_000


class Results:
    """The steps above, as a run would show them."""

    def __init__(
        self, outputs_by_step: Dict[str, Dict[str, Any]], state: str = "succeeded"
    ) -> None:
        self._outputs = outputs_by_step
        self._state = state

    def facts(self, step: str) -> Dict[str, Any]:
        exit_code = 0 if self._state == "succeeded" else None
        outputs = self._outputs[step]
        return {"result": "success", "state": self._state, "exit_code": exit_code,
                "duration": 1.0, "outputs": outputs}  # fmt: skip

    def above(self, step: str) -> List[str]:
        return list(self._outputs)


def number(word: str) -> SourceFloat:
    """A number as it stands in a file."""
    value = SourceFloat(word)
    value.source = word
    return value


FACTS = RunFacts("run-1", "flow", "2026-01-31", "2026-01-31T00:00:00Z", "/r")


class Bench:
    """A folder with files in it, and one step over them that runs, or need not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.record = DictRecord()
        self.reads = 0
        self.slices = 0
        self.params: Dict[str, Any] = {}
        self.environ: Dict[str, str] = {}
        self.root_env: Dict[str, Any] = {}
        self.facts: Optional[RunFacts] = None
        self.above: Results = Results({})
        self.clock_ns: Callable[[], int] = lambda: time.time_ns() + 3600 * 10**9

    def file(self, name: str, text: str, mtime_s: Optional[int] = LONG_AGO_S) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if mtime_s is not None:
            os.utime(str(path), (mtime_s, mtime_s))

    def question(self, made: Step, force: bool = False) -> Question:
        secrets = {name: FromVariable(name) for name in ("TOKEN", "OTHER")}
        flow = workflow(made, env=self.root_env, secrets=secrets)
        scopes = Scopes(flow, self.params, {}, self.environ, {}, self.facts)
        steps = StepsView(self.above, made.id)
        scope, env = scopes.veiled_scope(made, steps), scopes.lasting_env(made, steps)
        return Question(made, scope, env, str(self.folder), force)

    def cache(self) -> StepCache:
        return StepCache(file_functions, self.record, self.record, self._time_ns)

    def check(self, made: Step, force: bool = False) -> Finding:
        return self._whole(self.cache().check(self.question(made, force)))

    def run(self, made: Step, outputs: Optional[Dict[str, Any]] = None) -> Seal:
        """A run of the step that succeeds; it is kept if it may be."""
        question = self.question(made)
        finding = self._whole(self.cache().check(question))
        seal: Seal = self._whole(self.cache().seal(question, finding))
        if seal.files is not None:
            ended = StepEnded(made.id, "succeeded", "", outputs or {})
            kept = SuccessKept(made.id, finding.fingerprint, finding.parts, seal.files)
            self.record.run([[kept, ended]])
        return seal

    def _time_ns(self) -> int:
        self.reads += 1
        return self.clock_ns()

    def _whole(self, work: Any) -> Any:
        while True:
            try:
                next(work)
                self.slices += 1
            except StopIteration as done:
                return done.value


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def cached(body: Any = BODY, cache: Optional[Cache] = None, **fields: Any) -> Step:
    return step("a", body=body, cache=cache or Cache(("in.csv",)), **fields)


def text(source: str) -> Any:
    return parse_text(source)


def test_a_step_that_never_succeeded_runs(bench: Bench) -> None:
    bench.file("in.csv", "1")
    assert bench.check(cached()).reason == "it has not succeeded before"


def test_a_step_whose_inputs_are_the_same_is_up_to_date(bench: Bench) -> None:
    bench.file("in.csv", "1")
    bench.run(cached(), {"n": 1})
    bench.file("in.csv", "1", mtime_s=LONG_AGO_S + 5)
    found = bench.check(cached())
    assert found.success is not None
    assert (found.success.outputs, found.reason) == ({"n": 1}, "up to date since run run-1")


def test_where_a_step_runs_does_not_count(bench: Bench) -> None:
    bench.file("in.txt", "1")
    here = cached(cache=Cache(("in.txt",)))
    bench.run(here)
    elsewhere = here._replace(executor="slurm", executor_settings={"partition": "p"})
    assert bench.check(elsewhere).success is not None


def test_force_finds_nothing_up_to_date(bench: Bench) -> None:
    bench.file("in.csv", "1")
    bench.run(cached())
    found = bench.check(cached(), force=True)
    assert (found.success, found.reason, found.fingerprint != "") == (None, "--force", True)


def test_what_an_attempt_without_success_repeats_is_not_taken_as_done(bench: Bench) -> None:
    bench.file("in.csv", "1")
    bench.run(cached())
    missed = CacheMissed("a", bench.check(cached()).fingerprint, "--force")
    bench.record.run([[missed]])
    assert bench.check(cached()).reason == "its last attempt did not succeed"


# What the fingerprint is made of: each time something is one thing, and then another

BODIES = [
    (Command(("echo", "1")), Command(("echo", "2"))),
    (ShellScript(("echo",)), ShellScript(("echo ",))),
    (ShellScript(("echo",)), Command(("echo",))),
    (PythonCode("1"), PythonCode("1", "python3.9")),
    (PythonModule("m"), PythonModule("n")),
    (PythonCall("m:f", {"x": 1}), PythonCall("m:f", {"x": "1"})),
    (Command((text("${{ 1 }}"),)), Command((text("${{ 2 }}"),))),
]


@pytest.mark.parametrize(("before", "after"), BODIES)
def test_a_body_that_is_another_runs_again(bench: Bench, before: Any, after: Any) -> None:
    bench.file("in.csv", "1")
    bench.run(cached(before))
    reason = bench.check(cached(after)).reason
    assert reason.startswith("its body changed")
    assert reason.endswith(" since run run-1")


def test_another_shell_runs_again(bench: Bench) -> None:
    bench.file("in.csv", "1")
    bench.run(cached(ShellScript(("echo",))))
    assert (
        bench.check(cached(ShellScript(("echo",), "sh"))).reason
        == "its shell changed since run run-1"
    )


@pytest.mark.parametrize(
    "body",
    [
        ShellScript(("echo ", Slot(parse("params.n"), Splice.WORD))),
        Command(("echo", text("${{ params.n }}"))),
        PythonFile("f.py", (text("${{ params.n }}"),)),
        PythonCall("m:f", {"n": text("${{ params.n }}"), "params": 1, "steps": 1}),
        PythonCode("print(params['n'])"),
        PythonCall("m:f"),
    ],
)
def test_a_value_that_changes_runs_again(bench: Bench, body: Any) -> None:
    bench.file("in.csv", "1")
    bench.params = {"n": 1}
    bench.run(cached(body))
    assert bench.check(cached(body)).success is not None
    bench.params = {"n": 2}
    assert bench.check(cached(body)).reason == "`params.n` changed since run run-1"


@pytest.mark.parametrize(
    "body", [PythonCode("print(1)"), PythonFile("f.py"), Command(("x",)), PythonCall("m:g")]
)
def test_values_that_the_body_cannot_see_do_not_count(bench: Bench, body: Any) -> None:
    bench.file("in.csv", "1")
    bench.file("m.py", "def g(other, params=None): pass\ndef f(params): pass\n")
    bench.params = {"n": 1}
    bench.run(cached(body))
    bench.params = {"n": 2}
    assert (bench.check(cached(body)).success is None) == (body == PythonCall("m:g"))


def test_a_function_depends_on_the_parameters_that_it_asks_for(bench: Bench) -> None:
    bench.file("in.csv", "1")
    bench.file("m.py", "def f(x): pass\n")
    bench.params = {"n": 1}
    bench.run(cached(PythonCall("m:f", {"x": 1})))
    bench.params = {"n": 2}
    assert bench.check(cached(PythonCall("m:f", {"x": 1}))).success is not None


@pytest.mark.parametrize(
    "body",
    [
        Command(("echo", text("${{ steps.up.outputs.n }}"))),
        PythonCode("steps['up']"),
        PythonCode("dict(steps)"),
    ],
)
def test_an_upstream_output_that_changes_runs_again(bench: Bench, body: Any) -> None:
    bench.file("in.csv", "1")
    bench.above = Results({"up": {"n": 1}})
    bench.run(cached(body))
    bench.above = Results({"up": {"n": 1}}, state="cached")
    assert bench.check(cached(body)).success is not None
    bench.above = Results({"up": {"n": 2}})
    assert bench.check(cached(body)).reason.startswith("`steps.up")


def test_the_env_of_the_file_counts_and_inherited_variables_where_they_are_named(
    bench: Bench,
) -> None:
    bench.file("in.csv", "1")
    bench.environ, bench.root_env = {"CC": "gcc", "TERM": "a"}, {"MODE": "1"}
    made = cached(cache=Cache(("in.csv",), env=("CC", "UNSET")), env={"OWN": "1"})
    bench.run(made)
    bench.environ["TERM"] = "b"
    assert bench.check(made).success is not None
    bench.environ["CC"] = bench.root_env["MODE"] = "b"
    reason = "env `MODE` changed, env `OWN` changed, env `CC` changed since run run-1"
    assert bench.check(made._replace(env={"OWN": "2"})).reason == reason


def test_variables_of_the_file_that_are_made_from_the_run_do_not_count(bench: Bench) -> None:
    bench.file("in.csv", "1")
    bench.facts = FACTS
    bench.root_env = {"ID": text("${{ run.id }}"), "MODE": "1"}
    bench.run(cached())
    bench.facts = FACTS._replace(id="run-2")
    assert bench.check(cached()).success is not None
    named = cached(env={"ID": text("${{ run.id }}")})
    assert bench.check(named).reason == "env `ID` is new since run run-1"


def test_secrets_count_by_their_names(bench: Bench) -> None:
    bench.file("in.csv", "1")
    slot = Slot(parse("secrets.TOKEN"), Splice.WORD)
    made = cached(ShellScript(("echo ", slot)), env={"T": text("x${{ secrets.TOKEN }}")})
    bench.run(made)
    assert bench.check(made).success is not None
    other = made._replace(env={"T": text("x${{ secrets.OTHER }}")})
    assert bench.check(other).reason == "env `T` changed since run run-1"


def test_what_stands_beside_a_secret_counts_by_its_value(bench: Bench) -> None:
    bench.file("in.csv", "1")
    bench.params = {"host": "h1"}
    made = cached(env={"URL": text("${{ params.host + '@' + secrets.TOKEN }}")})
    bench.run(made)
    assert bench.check(made).success is not None
    bench.params = {"host": "h2"}
    assert bench.check(made).reason == "env `URL` changed since run run-1"
    either = Slot(parse("secrets.TOKEN if params.host == 'h1' else secrets.OTHER"), Splice.WORD)
    made = cached(ShellScript(("echo ", either)))
    bench.run(made)
    bench.params = {"host": "h1"}
    assert "changed since run" in bench.check(made).reason


@pytest.mark.parametrize(
    "change",
    [
        {"outputs": {"n": OutputType.INT}},
        {"outputs": {"n": OutputType.STRING, "m": OutputType.STRING}},
        {"success_codes": (0, 3)},
    ],
)
def test_what_makes_a_success_counts(bench: Bench, change: Dict[str, Any]) -> None:
    bench.file("in.csv", "1")
    made = cached()._replace(outputs={"n": OutputType.STRING})
    bench.run(made, {"n": "x"})
    assert bench.check(made).success is not None
    assert "since run" in bench.check(made._replace(**change)).reason


@pytest.mark.parametrize(
    ("before", "after"),
    [({"b": 1, "a": 2}, {"a": 2, "b": 1}), (1, True), ("1", 1), (number("1.50"), 1.5)],
)
def test_values_that_stand_otherwise_in_a_text_are_others(
    bench: Bench, before: Any, after: Any
) -> None:
    bench.file("in.csv", "1")
    made = cached(ShellScript(("echo ", Slot(parse("params.v"), Splice.WORD))))
    bench.params = {"v": before}
    bench.run(made)
    bench.params = {"v": after}
    assert bench.check(made).reason == "`params.v` changed since run run-1"


def test_a_value_in_a_path_is_no_pattern(bench: Bench) -> None:
    bench.file("a[1].csv", "1")
    bench.file("a1.csv", "1")
    bench.params = {"file": "a[1].csv", "both": ["a[1].csv", "*.csv"]}
    made = cached(cache=Cache((text("${{ params.file }}"),)))
    bench.run(made)
    assert bench.check(made).success is not None
    bench.file("a1.csv", "2")
    assert bench.check(made).success is not None
    bench.file("a[1].csv", "2")
    assert bench.check(made).reason == "`a[1].csv` changed since run run-1"
    listed = cached(cache=Cache((text("${{ params.both }}"),)))
    assert bench.check(listed).notes == ("cache.inputs: there is no `*.csv`",)


@pytest.mark.parametrize(
    ("code", "counts"),
    [
        ("print(steps['up'])", ["up"]),
        ("print([s['outputs'] for s in list(steps.values())])", ["list", "up"]),
        ("print(steps['up'], len(steps))", ["list", "up"]),
        ("print(steps[name])", ["list", "up"]),
        ("print('steps') or (", ["list", "up"]),
    ],
)
def test_code_counts_the_steps_that_it_may_see(bench: Bench, code: str, counts: List[str]) -> None:
    bench.file("in.csv", "1")
    bench.above = Results({"up": {"n": 1}, "list": {"n": 1}})
    parts = bench.check(cached(PythonCode(code))).parts
    found = [name[12:] for name in parts if name.startswith("value steps.")]
    assert sorted(found) == counts


def test_the_key_and_the_working_dir_count(bench: Bench) -> None:
    bench.file("in.csv", "1")
    bench.file("b/in.csv", "1")
    bench.run(cached(cache=Cache(("in.csv",), key=text("v${{ params.v }}")), working_dir="b"))
    bench.params = {"v": 2}
    moved = cached(cache=Cache(("in.csv",), key=text("v${{ params.v }}")), working_dir=".")
    assert bench.check(moved).reason == "it has not succeeded before"
    bench.params = {"v": 1}
    bench.run(moved._replace(working_dir="b"))
    bench.params = {"v": 2}
    assert bench.check(moved).reason == (
        "its working_dir changed, its cache key changed since run run-1"
    )


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (("data/*.csv",), "`data/1.csv` changed, `data/3.csv` is new, `data/2.csv` is gone"),
        (("data",), "`data/1.csv` changed, `data/3.csv` is new, `data/2.csv` is gone"),
        (("data/1.csv", "data/2.csv"), "`data/1.csv` changed, `data/2.csv` is gone"),
        ((text("${{ glob('data/1*') }}"),), "`data/1.csv` changed"),
    ],
)
def test_inputs_are_files_folders_and_patterns(bench: Bench, inputs: Any, words: str) -> None:
    bench.file("data/1.csv", "1")
    bench.file("data/2.csv", "2")
    made = cached(cache=Cache(inputs))
    bench.run(made)
    assert bench.check(made).success is not None
    bench.file("data/1.csv", "one")
    bench.file("data/3.csv", "3")
    (bench.folder / "data/2.csv").unlink()
    assert bench.check(made).reason == words + " since run run-1"


def test_more_files_than_can_be_named_are_one_part(bench: Bench) -> None:
    for number in range(1001):
        bench.file("data/%d" % number, "")
    made = cached(cache=Cache(("data",)))
    bench.run(made)
    bench.file("data/7", "7")
    assert bench.check(made).reason == "`data` changed since run run-1"


def test_the_file_that_a_body_runs_counts(bench: Bench) -> None:
    bench.file("in.csv", "1")
    bench.file("f.py", "1")
    bench.file("pkg/m.py", "def f(): pass")
    bodies = [PythonFile("f.py"), PythonModule("f"), PythonCall("pkg.m:f")]
    for number, body in enumerate(bodies):
        bench.run(cached(body)._replace(id="s%d" % number))
    bench.file("f.py", "2")
    bench.file("pkg/m.py", "def f(): return 1")
    reasons = [
        bench.check(cached(body)._replace(id="s%d" % number)).reason
        for number, body in enumerate(bodies)
    ]
    assert [reason.split(" since")[0] for reason in reasons] == [
        "`f.py` changed",
        "`f.py` changed",
        "`pkg/m.py` changed",
    ]


def test_all_files_of_a_package_count_and_a_decorator_hides_what_it_asks_for(
    bench: Bench,
) -> None:
    bench.file("in.csv", "1")
    bench.file("pkg/__init__.py", "")
    bench.file("pkg/__main__.py", "1")
    bench.file("m.py", "@wrapped\ndef f(n): pass")
    package, call = cached(PythonModule("pkg")), cached(PythonCall("m:f"))._replace(id="b")
    bench.run(package)
    bench.run(call)
    assert bench.check(call).success is not None
    bench.file("pkg/__main__.py", "2")
    assert bench.check(package).reason == "`pkg/__main__.py` changed since run run-1"
    bench.params = {"n": 2}
    assert bench.check(call).reason == "`params.n` is new since run run-2"


def test_an_input_that_is_not_there_is_told_and_counts_when_it_comes(bench: Bench) -> None:
    made = cached()
    assert bench.check(made).notes == ("cache.inputs: there is no `in.csv`",)
    bench.run(made)
    assert bench.check(made).success is not None
    bench.file("in.csv", "1")
    assert bench.check(made).reason == "`in.csv` is new since run run-1"


# What a success left

OUT = Cache(("in.csv",), ("out/*.csv",))


def test_outputs_must_be_as_the_success_left_them(bench: Bench) -> None:
    bench.file("in.csv", "1")
    bench.file("out/a.csv", "1")
    bench.run(cached(cache=OUT))
    assert bench.check(cached(cache=OUT)).success is not None
    bench.file("out/b.csv", "what an attempt left that was killed")
    assert bench.check(cached(cache=OUT)).reason == "`out/b.csv` is new since run run-1"
    (bench.folder / "out/b.csv").unlink()
    bench.file("out/a.csv", "2")
    assert bench.check(cached(cache=OUT)).reason == "`out/a.csv` changed since run run-1"
    (bench.folder / "out/a.csv").unlink()
    assert bench.check(cached(cache=OUT)).reason == "`out/a.csv` is gone since run run-1"
    bench.file("out/a.csv", "1")
    assert bench.check(cached(cache=OUT)).success is not None


def test_a_declared_output_that_is_missing_is_a_problem(bench: Bench) -> None:
    bench.file("in.csv", "1")
    bench.file("out/a.csv", "1")
    made = cached(cache=Cache(("in.csv",), ("out/*.csv", "log.txt", "plots")))
    assert bench.run(made) == Seal(
        None, ("cache.outputs: there is no `log.txt`", "cache.outputs: there is no `plots`")
    )


def test_an_empty_folder_is_an_output_that_is_there(bench: Bench) -> None:
    bench.file("in.csv", "1")
    (bench.folder / "plots").mkdir()
    made = cached(cache=Cache(("in.csv",), ("plots",)))
    bench.run(made)
    assert bench.check(made).success is not None
    (bench.folder / "plots").rmdir()
    assert bench.check(made).reason == "`plots` is gone since run run-1"


def test_outputs_alone_are_enough(bench: Bench) -> None:
    bench.file("out/a.csv", "1")
    made = cached(cache=Cache((), ("out/a.csv",)))
    bench.run(made)
    assert bench.check(made).success is not None
    other = made._replace(cache=Cache((), ("out/*.csv",)))
    assert bench.check(other).reason == "its cache outputs changed since run run-1"


def test_outputs_are_no_inputs(bench: Bench) -> None:
    bench.file("in.csv", "1")
    made = cached(cache=Cache((".",), ("out",)))
    question = bench.question(made)
    finding = bench.check(made)
    bench.file("out/a.csv", "1")
    work = bench.cache().seal(question, finding)
    assert bench._whole(work).files is not None


def test_inputs_that_change_while_the_step_runs_keep_its_success_from_counting(
    bench: Bench,
) -> None:
    bench.file("in.csv", "1")
    question = bench.question(cached())
    finding = bench.check(cached())
    bench.file("in.csv", "2")
    seal = bench._whole(bench.cache().seal(question, finding))
    note = "this success is not kept: `in.csv` changed while it ran"
    assert seal == Seal(None, notes=(note,))


# Reading files


def test_a_file_that_is_as_it_was_is_not_read_again(bench: Bench) -> None:
    bench.file("in.csv", "1")
    bench.check(cached())
    bench.reads = 0
    bench.check(cached())
    assert bench.reads == 0
    bench.file("in.csv", "2")
    bench.check(cached())
    assert bench.reads == 1


def test_a_file_that_changed_just_before_it_was_read_is_read_again(bench: Bench) -> None:
    """Its next change might leave the same times: git calls such an entry racy."""
    bench.file("in.csv", "1")
    found = os.stat(str(bench.folder / "in.csv"))
    bench.clock_ns = lambda: max(found.st_mtime_ns, found.st_ctime_ns) + 10**9
    bench.check(cached())
    bench.check(cached())
    assert bench.reads == 2


def test_a_large_file_is_read_in_slices(bench: Bench) -> None:
    (bench.folder / "in.csv").write_bytes(bytes(2**22))
    bench.check(cached())
    assert bench.slices >= 16


def test_a_file_that_cannot_be_read_makes_the_step_run_and_keeps_nothing(bench: Bench) -> None:
    bench.file("in.csv", "1")

    def refuse() -> int:
        raise PermissionError(13, "Permission denied", "in.csv")

    bench.clock_ns = refuse
    found = bench.check(cached())
    assert (found.fingerprint, found.reason) == (
        "",
        "whether it is up to date cannot be told: in.csv: Permission denied",
    )
    seal = bench._whole(bench.cache().seal(bench.question(cached()), found))
    assert seal == Seal(None)


def test_a_record_that_cannot_be_read_makes_the_step_run(bench: Bench) -> None:
    bench.file("in.csv", "1")

    def refuse(step: str, fingerprint: str) -> None:
        raise StoreError("/runs.db", "the disk is bad")

    bench.record.success = refuse  # type: ignore[method-assign, assignment]  # a store that fails
    reason = "whether it is up to date cannot be told: the disk is bad"
    assert bench.check(cached()).reason == reason


@pytest.mark.parametrize(
    ("cache", "fault"),
    [
        (Cache((text("${{ params.x }}"),)), "cache.inputs"),
        (Cache(("a",), (text("${{ params.x }}.csv"),)), "cache.outputs"),
        (Cache(("a",), key=text("${{ params.x }}")), "cache.key"),
        (Cache((text("a${{ params.nul }}"),)), "cache.inputs has a NUL byte"),
    ],
)
def test_a_cache_that_cannot_be_evaluated_is_a_fault(
    bench: Bench, cache: Cache, fault: str
) -> None:
    bench.params = {"x": None, "nul": "\0"}
    assert bench.check(cached(cache=cache)).fault.startswith(fault)
