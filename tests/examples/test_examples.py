"""Every example is read, planned and run as its reader would, in a copy of its folder."""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Set
from xml.etree import ElementTree

import pytest
import yaml

from tests.cli.commandline import CommandLine, Result

ROOT = Path(__file__).parents[2]
FOUND = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("examples/**/*.yaml"))
FILES = [file for file in FOUND if not file.endswith(".test.yaml")]
TESTED = [file for file in FOUND if file.endswith(".test.yaml")]
NAMES = ["checks", "gpu", "handlers", "penguins", "quickstart"]

Data = Dict[str, Any]


class Ran(NamedTuple):
    """What a run said and left."""

    code: int
    stdout: str
    stderr: str
    report: Data
    folder: Path

    @property
    def states(self) -> Dict[str, str]:
        return {step["id"]: step["state"] for step in self.report["steps"]}

    @property
    def outputs(self) -> Dict[str, Data]:
        return {step["id"]: step["outputs"] for step in self.report["steps"]}


Run = Callable[..., Ran]


def orchestra(folder: Path, *arguments: str) -> Result:
    return CommandLine(folder).run(*arguments, timeout=300)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the example of that name with further options, in a copy of its folder."""

    def run(name: str, *options: str) -> Ran:
        folder = tmp_path / name
        ignored = shutil.ignore_patterns("__pycache__", "results", "work", ".orchestra")
        shutil.copytree(str(ROOT / "examples" / name), str(folder), ignore=ignored)
        report = tmp_path / "report.json"
        reporting = ["--output", "plain", "--report", "json=%s" % report]
        done = orchestra(folder, "run", "pipeline.yaml", *reporting, *options)
        assert report.exists(), done.err
        text = report.read_text(encoding="utf-8")
        return Ran(done.code, done.out, done.err, json.loads(text), folder)

    return run


def test_every_example_has_its_test() -> None:
    assert ["examples/%s/pipeline.yaml" % name for name in NAMES] == FILES


@pytest.mark.parametrize("file", FILES)
def test_an_example_is_valid_without_a_warning(file: str) -> None:
    done = orchestra(ROOT, "validate", file, "--format", "json")

    assert (done.code, json.loads(done.out)) == (0, [])


@pytest.mark.parametrize("file", FILES)
def test_an_example_names_its_schema_for_editors(file: str) -> None:
    first, *_ = (ROOT / file).read_text(encoding="utf-8").splitlines()

    assert first == "# yaml-language-server: $schema=../../schemas/workflow.schema.json"
    assert (ROOT / file / "../../../schemas/workflow.schema.json").resolve().is_file()


@pytest.mark.parametrize("file", TESTED)
def test_the_tests_of_an_example_pass(file: str) -> None:
    first, *_ = (ROOT / file).read_text(encoding="utf-8").splitlines()

    done = orchestra(ROOT, "test", file)

    assert (done.code, done.err) == (0, "")
    assert done.out.endswith(" cases, all passed\n")
    assert first == "# yaml-language-server: $schema=../../schemas/test.schema.json"


@pytest.mark.parametrize("file", FILES)
def test_an_example_is_planned_without_running_any_of_it(file: str, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(str((ROOT / file).parent), str(folder))
    before = sorted(os.listdir(folder))

    done = orchestra(folder, "plan", "pipeline.yaml", "--format", "json", "--budget", "cpu=4,gpu=2")

    assert done.code == 0, done.err
    assert json.loads(done.out)["steps"][0]["wave"] == 1
    assert sorted(os.listdir(folder)) == before


def test_the_quickstart_runs(run: Run) -> None:
    ran = run("quickstart")

    assert (ran.code, ran.states) == (
        0,
        {
            "greet": "succeeded",
            "count": "succeeded",
            "flaky": "succeeded",
            "shout": "skipped",
            "check": "succeeded",
            "report": "succeeded",
        },
    )
    assert ran.outputs["greet"] == {"greeting": "Hello, world!"}
    assert ran.outputs["count"] == {"letters": 10}
    assert len(steps(ran)["flaky"]["attempts"]) == 2
    assert "Hello, world! (10 letters)\n" in log(ran, "report")
    assert "shout was skipped\n" in log(ran, "report")


def test_the_quickstart_takes_any_text_for_a_name(run: Run) -> None:
    name = """$(touch PWNED); "x" 'y' `id` * \\ ${HOME}"""

    ran = run("quickstart", "-p", "who=" + name, "-p", "shout=true")

    assert ran.code == 0
    assert ran.outputs["greet"] == {"greeting": "Hello, %s!" % name}
    assert log(ran, "shout") == "HELLO, %s!\n" % name.upper()
    assert not (ran.folder / "PWNED").exists()


def test_trainings_never_share_a_device(run: Run) -> None:
    ran = run("gpu")

    assert (ran.code, set(ran.states.values())) == (0, {"succeeded"})
    assert ran.outputs["check"] == {"trainings": 5, "devices": [0, 1], "most_at_once": 2}
    assert log(ran, "ensemble") == "ensemble has the devices 0,1\n"


def test_the_memory_of_two_large_trainings_is_never_taken_at_once(run: Run) -> None:
    ran = run("gpu")

    (large,), (wide,) = (steps(ran)[step]["attempts"] for step in ("large", "wide"))
    assert large["ended_at"] <= wide["started_at"] or wide["ended_at"] <= large["started_at"]


def test_a_larger_budget_lets_more_trainings_run_at_once(run: Run) -> None:
    ran = run("gpu", "--budget", "cpu=4,gpu=4,memory=8GiB")

    assert ran.outputs["check"] == {"trainings": 5, "devices": [0, 1, 2, 3], "most_at_once": 4}


def test_the_penguins_give_the_right_numbers_on_two_cores(run: Run) -> None:
    ran = run("penguins", "--budget", "cpu=2")

    assert (ran.code, set(ran.states.values())) == (0, {"succeeded"})
    assert ran.report["budget"]["cpu"] == 2
    found = json.loads((ran.folder / "results/report.json").read_text(encoding="utf-8"))
    assert (found["lines"], found["dropped"]) == (344, 2)
    birds = independent_birds()
    for column in ("species", "island", "year"):
        assert found["groups"][column] == {
            group: numbers([bird for bird in birds if bird[column] == group])
            for group in sorted({bird[column] for bird in birds})
        }
    assert found["fit"] == line(birds, "flipper_length_mm")


def test_the_penguins_match_what_has_been_published(run: Run) -> None:
    """Source: the vignettes of the R package palmerpenguins, `summarize(mean(body_mass_g))`."""
    ran = run("penguins", "-p", "trait=bill_length_mm")

    species = ran.outputs["by_species"]["groups"]
    assert {name: group["body_mass_g"]["mean"] for name, group in species.items()} == {
        "Adelie": 3700.662,
        "Chinstrap": 3733.088,
        "Gentoo": 5076.016,
    }
    assert ran.outputs["fit"]["correlation"] == 0.59511


def test_the_penguins_are_drawn_and_reported(run: Run) -> None:
    ran = run("penguins")

    drawing = ElementTree.parse(str(ran.folder / "results/penguins.svg")).getroot()
    names = [element.tag.rpartition("}")[2] for element in drawing.iter()]
    assert names.count("circle") == 151 + 1
    assert names.count("polygon") == 68 + 1
    assert names.count("rect") == 123 + 2
    page = (ran.folder / "results/report.md").read_text(encoding="utf-8")
    assert "342 of 344 birds were measured." in page
    assert "| Gentoo | 123 | 47.5 ± 3.1 | 15.0 ± 1.0 | 217.2 ± 6.5 | 5076.0 ± 504.1 |" in page
    assert log(ran, "show") == page


CACHED = ("extract", "clean", "by_species", "by_island", "by_year", "fit", "plot", "report")


@pytest.mark.parametrize(
    ("script", "old", "new", "options", "again"),
    [
        ("plot.py", "", "", [], {}),
        (
            "clean.py",
            'if "NA" in measures.values():',
            'if "NA" in [*measures.values(), note["Sex"]]:',
            [],
            {
                "clean": "`clean.py` changed",
                "by_species": "`results/clean.csv` changed",
                "by_island": "`results/clean.csv` changed",
                "by_year": "`results/clean.csv` changed",
                "fit": "`results/clean.csv` changed",
                "plot": "`to_json(steps.fit.outputs)` changed, `results/clean.csv` changed",
                "report": "`steps.clean.outputs.dropped` changed, `steps.fit.outputs` changed, "
                "`steps.by_species.outputs.groups` changed and 2 more",
            },
        ),
        (
            "plot.py",
            "WIDTH, HEIGHT = 760",
            "WIDTH, HEIGHT = 800",
            [],
            {"plot": "`plot.py` changed"},
        ),
        (
            "plot.py",
            "",
            "",
            ["-p", "trait=bill_depth_mm"],
            {
                "fit": "`params.trait` changed",
                "plot": "`params.trait` changed, `to_json(steps.fit.outputs)` changed",
                "report": "`params.trait` changed, `steps.fit.outputs` changed",
            },
        ),
    ],
    ids=["nothing", "clean.py", "plot.py", "trait"],
)
def test_a_second_run_of_the_penguins_runs_what_is_downstream_and_says_why(
    tmp_path: Path, script: str, old: str, new: str, options: List[str], again: Dict[str, str]
) -> None:
    folder = tmp_path / "penguins"
    ignored = shutil.ignore_patterns("__pycache__", "results", ".orchestra")
    shutil.copytree(str(ROOT / "examples/penguins"), str(folder), ignore=ignored)
    assert orchestra(folder, "run", "pipeline.yaml").code == 0
    (first,) = os.listdir(str(folder / ".orchestra/runs"))
    text = (folder / script).read_text(encoding="utf-8")
    (folder / script).write_text(text.replace(old, new), encoding="utf-8")

    report = tmp_path / "report.json"
    done = orchestra(folder, "run", "pipeline.yaml", "--report", "json=%s" % report, *options)

    assert done.code == 0, done.err
    states = {s["id"]: s["state"] for s in json.loads(report.read_text("utf-8"))["steps"]}
    ran = {*again, "check", "show"}  # these two have no cache
    assert states == {id: "succeeded" if id in ran else "cached" for id in states}
    assert {id: why(folder, id) for id in CACHED} == {
        id: "`%s` succeeded: %s since run %s\n" % (id, again[id], first)
        if id in again
        else "`%s` cached: up to date since run %s\n" % (id, first)
        for id in CACHED
    }


def why(folder: Path, step: str) -> str:
    """What `orchestra why` says of a step of the latest run."""
    return orchestra(folder, "why", step).out


OF_ENGINES = {"tests/dask", "tests/slurm"}


def test_every_folder_of_tests_is_in_one_group_of_the_checks() -> None:
    document = yaml.safe_load((ROOT / "examples/checks/pipeline.yaml").read_text(encoding="utf-8"))
    groups = [step["env"] for name, step in document["steps"].items() if "test_" in name]

    plain = [env["TESTS"] for env in groups if env["MARKED"] == "not engines"]
    engines = [env["TESTS"] for env in groups if env["MARKED"] == "engines"]

    files = list(ROOT.glob("tests/**/test_*.py"))
    marked = [path for path in files if "mark.engines" in path.read_text(encoding="utf-8")]
    assert len(plain) + len(engines) == len(groups)
    assert sorted([*" ".join(plain).split(), *OF_ENGINES]) == sorted(folders_of(files))
    assert sorted(" ".join(engines).split()) == sorted(folders_of(marked) | OF_ENGINES)


def folders_of(files: List[Path]) -> Set[str]:
    """Where they lie, from the project on."""
    return {path.parent.relative_to(ROOT).as_posix() for path in files}


def test_the_checks_run_the_test_groups_of_a_project(run: Run, tmp_path: Path) -> None:
    project = small_project(tmp_path / "project", "def test_it():\n    assert True\n")
    options = ["python=" + sys.executable, "root=%s" % project, "tools=false", "wheel=false"]

    ran = run("checks", *[word for option in options for word in ("-p", option)])

    assert (ran.code, ran.states["test_rules"], ran.states["types"]) == (0, "succeeded", "skipped")
    assert "4 passed" in log(ran, "test_rules")
    assert log(ran, "report") == "All checks passed\n"


def test_the_checks_fail_where_a_test_fails(run: Run, tmp_path: Path) -> None:
    project = small_project(tmp_path / "project", "def test_it():\n    assert False\n")
    options = ["python=" + sys.executable, "root=%s" % project, "tools=false", "wheel=false"]

    ran = run("checks", *[word for option in options for word in ("-p", option)])

    assert (ran.code, ran.states["test_rules"], ran.states["report"]) == (1, "failed", "blocked")
    assert "4 failed" in log(ran, "test_rules")


def steps(ran: Ran) -> Dict[str, Data]:
    return {step["id"]: step for step in ran.report["steps"]}


def log(ran: Ran, step: str) -> str:
    """The output of the last attempt of a step."""
    (runs,) = (ran.folder / ".orchestra/runs").iterdir()
    path = runs / str(steps(ran)[step]["attempts"][-1]["log"])
    return path.read_text(encoding="utf-8")


MARK = "import pytest\npytestmark = pytest.mark.engines\n"


def small_project(folder: Path, test: str) -> Path:
    """A project with the test folders of this one, each with a test in it, and one for engines."""
    for group in sorted(path for path in (ROOT / "tests").iterdir() if path.is_dir()):
        (folder / "tests" / group.name).mkdir(parents=True)
        (folder / "tests" / group.name / ("test_%s.py" % group.name)).write_text(test)
        (folder / "tests" / group.name / ("test_%s_there.py" % group.name)).write_text(MARK + test)
    settings = "[tool.pytest.ini_options]\naddopts = '-q'\nmarkers = ['engines']\n"
    (folder / "pyproject.toml").write_text(settings)
    return folder


def independent_birds() -> List[Data]:
    """The table as the authors of the data set cleaned it themselves."""
    measures = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
    with open(Path(__file__).with_name("penguins.csv"), newline="", encoding="utf-8") as file:
        return [
            {**bird, **{measure: float(bird[measure]) for measure in measures}}
            for bird in csv.DictReader(file)
            if bird["body_mass_g"] != "NA"
        ]


def numbers(birds: List[Data]) -> Data:
    measures = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
    return {"birds": len(birds), **{name: moments([b[name] for b in birds]) for name in measures}}


def moments(values: List[float]) -> Data:
    """By sums of powers, not by way of the mean."""
    n, total, squares = len(values), math.fsum(values), math.fsum(v * v for v in values)
    return {
        "mean": round(total / n, 3),
        "deviation": round(math.sqrt((squares - total * total / n) / (n - 1)), 3),
        "min": min(values),
        "max": max(values),
    }


def line(birds: List[Data], trait: str) -> Data:
    """The line of least squares by its normal equations."""
    pairs = [(bird[trait], bird["body_mass_g"]) for bird in birds]
    n = len(pairs)
    x, y = math.fsum(a for a, _ in pairs), math.fsum(b for _, b in pairs)
    xx = n * math.fsum(a * a for a, _ in pairs) - x * x
    yy = n * math.fsum(b * b for _, b in pairs) - y * y
    xy = n * math.fsum(a * b for a, b in pairs) - x * y
    return {
        "slope": round(xy / xx, 6),
        "intercept": round((y - xy / xx * x) / n, 6),
        "correlation": round(xy / math.sqrt(xx * yy), 6),
    }


def test_a_release_that_fails_its_check_is_rolled_back_and_cleaned_up(run: Run) -> None:
    ran = run("handlers")
    assert ran.code == 1
    assert ran.states == {
        "fetch": "recovered",
        "fetch:fallback": "succeeded",
        "deploy": "succeeded",
        "check": "failed",
        "check:on_failure": "succeeded",
        "check:finally": "succeeded",
        "announce": "blocked",
        ":on_failure": "succeeded",
        ":finally": "succeeded",
    }
    assert (ran.folder / "work/current").read_text(encoding="utf-8") == "1.0\n"
    assert "check failed: exit code 1" in (ran.folder / "work/alerts").read_text(encoding="utf-8")
    assert not (ran.folder / "work/probe").exists()


def test_a_release_that_is_good_stays(run: Run) -> None:
    ran = run("handlers", "-p", "good=true")
    assert (ran.code, ran.states["announce"]) == (0, "succeeded")
    assert (ran.folder / "work/current").read_text(encoding="utf-8") == "2.0\n"
