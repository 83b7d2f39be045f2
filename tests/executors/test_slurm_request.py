"""What an attempt asks for, as sbatch's options."""

from __future__ import annotations

from orchestra.executors.slurm_request import options_of
from orchestra.model.errand import Errand


def test_a_demand_is_rounded_up_to_what_slurm_counts_in() -> None:
    errand = Errand("slurm", cpu=2001, memory_bytes=(100 << 20) + 1, gpus=2, limit_s=61.0)

    assert options_of(errand, {}, ()) == (
        "--cpus-per-task=3",
        "--mem=101M",
        "--gres=gpu:2",
        "--time=3",
    )


def test_only_what_is_asked_for_is_asked_of_slurm() -> None:
    assert options_of(Errand("slurm", cpu=1), {}, ()) == ("--cpus-per-task=1",)


def test_named_resources_that_the_cluster_has_are_licences() -> None:
    errand = Errand("slurm", named={"db": 2, "api": 1, "mine": 1})

    assert options_of(errand, {}, ["db", "api"]) == (
        "--cpus-per-task=1",
        "--licenses=api:1,db:2",
    )


def test_the_errands_own_settings_go_before_those_of_the_file() -> None:
    errand = Errand("slurm", {"partition": "fast", "time": 3601.0}, limit_s=5.0)
    settings = {"partition": "slow", "qos": "low", "extra": ["--exclusive"], "account": "lab"}

    assert options_of(errand, settings, ()) == (
        "--exclusive",
        "--partition=fast",
        "--account=lab",
        "--qos=low",
        "--cpus-per-task=1",
        "--time=61",
    )
