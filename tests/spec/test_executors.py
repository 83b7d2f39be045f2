"""Where steps run: how `executor` and its settings are read, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Mapping, Optional, Tuple

import pytest

from orchestra.model.expression import Tree, parse_text
from orchestra.model.workflow import InnerSteps, Uses, Workflow
from orchestra.spec.load import load


def loaded(text: str, executor: Optional[str] = None) -> Workflow:
    found = load("/etc/flow.yaml", text.encode(), executor=executor)
    assert found.faults == ()
    assert found.workflow is not None
    return found.workflow


def places(text: str, executor: Optional[str] = None) -> Dict[str, str]:
    return {id: step.executor for id, step in loaded(text, executor).step_by_id.items()}


def faults(text: str) -> List[Tuple[int, int, str, str, str]]:
    found = load("/etc/flow.yaml", text.encode()).faults
    return [(f.line, f.column, f.severity, f.message, f.suggestion) for f in found]


def told(text: str) -> Mapping[str, Tree]:
    return loaded(text).step_by_id["a"].executor_settings


MIXED = (
    "executor: slurm\n"
    "defaults: {executor: dask}\n"
    "steps:\n"
    "  a: {run: x}\n"
    "  b: {run: x, executor: local}\n"
    "  c: {run: x, executor: slurm}\n"
)


def test_a_file_that_says_nothing_runs_here() -> None:
    step = loaded("steps: {a: {run: x}}\nslurm: {partition: p}\n").step_by_id["a"]
    assert (step.executor, step.executor_settings) == ("local", {})


def test_a_step_goes_before_the_defaults_and_these_before_the_root() -> None:
    assert places(MIXED) == {"a": "dask", "b": "local", "c": "slurm"}
    assert places("executor: slurm\nsteps: {a: {run: x}}\n") == {"a": "slurm"}


def test_what_a_person_wants_goes_before_all_but_the_step() -> None:
    assert places(MIXED, "slurm") == {"a": "slurm", "b": "local", "c": "slurm"}
    assert places("steps: {a: {run: x}}\n", "dask") == {"a": "dask"}


def test_who_wants_all_here_gets_it() -> None:
    assert places(MIXED, "local") == {"a": "local", "b": "local", "c": "local"}


def test_settings_are_merged_key_by_key() -> None:
    text = (
        "executor: slurm\n"
        "params: {p: 1}\n"
        "slurm: {partition: p, account: 12, qos: low, time: 1h, max_jobs: 3}\n"
        "defaults: {slurm: {account: d, extra: [--exclusive]}}\n"
        "steps: {a: {run: x, slurm: {qos: '${{ params.p }}'}, dask: {scheduler: s}}}\n"
    )
    assert told(text) == {
        "partition": "p",
        "account": "d",
        "qos": parse_text("${{ params.p }}"),
        "time": 3600.0,
        "max_jobs": 3,
        "extra": ["--exclusive"],
    }
    assert loaded(text).executor_settings == {
        "slurm": {
            "partition": "p",
            "account": "12",
            "qos": "low",
            "time": 3600.0,
            "max_jobs": 3,
        }
    }


def test_steps_in_a_step_run_where_it_does_with_its_settings() -> None:
    text = (
        "steps:\n"
        "  a:\n"
        "    executor: slurm\n"
        "    slurm: {partition: p, qos: high}\n"
        "    steps:\n"
        "      b: {run: x, slurm: {qos: low}}\n"
        "      c: {run: x, executor: local}\n"
        "    finally: {run: x}\n"
        "  d: {run: x}\n"
    )
    flow = loaded(text)
    owner = flow.step_by_id["a"]
    assert isinstance(owner.body, InnerSteps)
    inner = owner.body.step_by_id
    assert (owner.executor, inner["b"].executor, inner["c"].executor) == ("slurm", "slurm", "local")
    assert inner["b"].executor_settings == {"partition": "p", "qos": "low"}
    assert flow.step_by_id["d"].executor == "local"


USED = {
    "/etc/flow.yaml": (
        b"steps:\n"
        b"  a: {uses: silent.yaml, executor: slurm}\n"
        b"  b: {uses: silent.yaml}\n"
        b"  c: {uses: says.yaml, executor: slurm}\n"
        b"finally: {uses: silent.yaml}\n"
    ),
    "/etc/silent.yaml": b"steps: {do: {run: x}}\n",
    "/etc/says.yaml": b"executor: dask\nsteps: {do: {run: x}}\n",
}


def used_places(executor: Optional[str] = None) -> Dict[str, str]:
    flow = load("/etc/flow.yaml", read=USED.__getitem__, executor=executor).workflow
    assert flow is not None
    found = {}
    for id, holder in (*flow.step_by_id.items(), *flow.handlers.items()):
        assert isinstance(holder.body, Uses)
        found[id] = holder.body.workflow.step_by_id["do"].executor
    return found


def test_a_used_file_says_where_its_steps_run_else_the_step_that_uses_it() -> None:
    assert used_places() == {"a": "slurm", "b": "local", "c": "dask", "finally": "local"}


def test_what_a_person_wants_holds_in_used_files_too() -> None:
    assert used_places("dask") == {"a": "slurm", "b": "dask", "c": "dask", "finally": "local"}
    assert set(used_places("local").values()) == {"local"}


def test_an_unknown_executor_is_told_with_the_nearest_one() -> None:
    assert faults("executor: slrum\nsteps: {a: {run: x, executor: nowhere_at_all}}\n") == [
        (1, 11, "error", "`slrum` is no executor", "did you mean `slurm`?"),
        (
            2,
            31,
            "error",
            "`nowhere_at_all` is no executor",
            "known are `local`, `slurm`, `dask`",
        ),
    ]


def test_a_job_server_cannot_be_elsewhere() -> None:
    message = "`jobserver` lends cores of this machine, and the step runs on `slurm`"
    assert faults("executor: slurm\nsteps:\n  a: {run: make, jobserver: true}\n") == [
        (3, 29, "error", message, "leave it out, or give the step `executor: local`")
    ]
    text = "executor: slurm\ndefaults: {jobserver: true}\nsteps:\n  a: {run: make}\n"
    hint = "write `jobserver: false` in the step, or give the step `executor: local`"
    assert faults(text) == [(4, 3, "error", message, hint)]


@pytest.mark.parametrize(
    ("option", "shown", "hint"),
    [
        ("--job-name=x", "--job-name", "orchestra sets it itself"),
        ("-Jx", "-J", "orchestra sets it itself"),
        ("-sJx", "-J", "orchestra sets it itself"),
        ("--no-requeue", "--no-requeue", "orchestra sets it itself"),
        ("--outp=x", "--outp", "write the name of the option in full"),
        ("--mem=${{ run.id }}", "--mem", "say it under `resources` of the step"),
        ("-t5", "-t", "write `slurm.time`"),
        ("--export=ALL", "--export", "write `env` and `inherit_env`"),
    ],
)
def test_an_option_that_orchestra_sets_itself_is_refused(
    option: str, shown: str, hint: str
) -> None:
    text = "executor: slurm\nslurm:\n  extra:\n  - '%s'\nsteps: {a: {run: x}}\n" % option
    message = "`%s` cannot be given to sbatch here" % shown
    assert faults(text) == [(4, 5, "error", message, hint)]


@pytest.mark.parametrize(
    "option",
    ["--exclusive", "--gres=tmp:1", "-Cfast", "-C${{ run.id }}", "-s", "--nodes=2", "--mem-bind=x"],
)
def test_any_other_option_is_taken(option: str) -> None:
    text = "executor: slurm\nslurm: {extra: ['%s']}\nsteps: {a: {run: x}}\n" % option
    assert told(text) == {"extra": [parse_text(option)]}


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("x", "this must be an option such as --exclusive, not `x`"),
        ("-", "`-` is no option of sbatch"),
        ("--", "`--` is no option of sbatch"),
        ("--${{ run.id }}", "the name of an option takes no expressions"),
        ("-s${{ run.id }}", "the name of an option takes no expressions"),
    ],
)
def test_what_is_no_option_is_refused(option: str, message: str) -> None:
    text = "slurm: {extra: ['%s']}\nsteps: {a: {run: x}}\n" % option
    assert [fault[3] for fault in faults(text)] == [message]


def test_settings_of_the_run_do_nothing_in_a_step() -> None:
    assert faults("steps: {a: {run: x, slurm: {max_jobs: 3}}}\n") == [
        (
            1,
            39,
            "warning",
            "`max_jobs` does nothing here: there is one for the run",
            "put it under `slurm` at the root of the file",
        )
    ]


def test_settings_show_no_secret_and_no_time_of_nothing() -> None:
    text = (
        "secrets: {S: {env: S}}\n"
        "slurm: {time: 0, qos: '${{ steps.a.outputs.x }}'}\n"
        "env: {V: '${{ secrets.S }}'}\n"
        "steps: {a: {run: x, slurm: {partition: '${{ env.V }}'}, executor: slurm}}\n"
    )
    assert [(fault[0], fault[1], fault[3]) for fault in faults(text)] == [
        (2, 15, "a time of 0 leaves no time to run"),
        (2, 28, "`steps` cannot be used in the settings of an executor"),
        (4, 45, "`env.V` may hold a secret, and cannot be used here"),
    ]


@pytest.mark.parametrize(
    ("keys", "hint"),
    [
        ("queue: x", "write `slurm: {partition: …}`"),
        ("account: x", "write `slurm: {account: …}`"),
        ("backend: slurm", "write `executor`"),
        ("slurm: {queue: x}", "write `partition`"),
        ("slurm: {gpus: 1}", "say it under `resources` of the step"),
        ("slurm: {partitoin: x}", "did you mean `partition`?"),
    ],
)
def test_other_tools_words_are_known(keys: str, hint: str) -> None:
    assert [fault[4] for fault in faults("steps: {a: {run: x, %s}}\n" % keys)] == [hint]


@pytest.fixture
def kube(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that brings the executor `kube`."""
    info = tmp_path / "kube-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: kube\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[orchestra.executors]\nkube = kube:open_place\n")
    monkeypatch.syspath_prepend(str(tmp_path))


def test_the_executor_of_another_package_has_settings_at_the_root(kube: None) -> None:
    text = (
        "kube: {image: 'x:${{ params.tag }}', max_jobs: 5}\n"
        "params: {tag: 1}\n"
        "steps: {a: {run: x, executor: kube}}\n"
    )
    settings = {"image": parse_text("x:${{ params.tag }}"), "max_jobs": 5}
    assert told(text) == settings
    assert loaded(text).executor_settings == {"kube": settings}


def test_what_that_is_told_must_be_a_mapping_with_names_that_are_known(kube: None) -> None:
    message = "`kube` must be a mapping of what that executor is told"
    assert faults("kube: 3\nsteps: {a: {run: x}}\n") == [(1, 7, "error", message, "")]
    text = "kube: {image: '${{ params.tga }}'}\nparams: {tag: 1}\nsteps: {a: {run: x}}\n"
    assert faults(text)[0][3:] == ("`tga` is no parameter", "did you mean `tag`?")


def test_settings_of_an_executor_that_is_not_there_are_an_unknown_key() -> None:
    assert [fault[3] for fault in faults("kube: {image: x}\nsteps: {a: {run: x}}\n")] == [
        "unknown key `kube` in the workflow"
    ]
