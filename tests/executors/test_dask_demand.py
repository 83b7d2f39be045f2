from __future__ import annotations

from orchestra.executors.dask_demand import Worker, refusal, resources
from orchestra.model.errand import Errand

_PLAIN = Worker("tcp://a:1", {})
_RICH = Worker("tcp://b:1", {"CPU": 8, "GPU": 2, "memory": 2e9, "licence": 3})


def test_only_what_workers_declare_is_asked_for() -> None:
    errand = Errand("dask", cpu=1000, memory_bytes=10**9, named={"licence": 1})
    assert resources(errand, [_PLAIN]) == {}


def test_what_workers_declare_is_asked_for_as_they_spell_it() -> None:
    errand = Errand("dask", cpu=2500, memory_bytes=10**9, gpus=1, named={"licence": 2, "disk": 1})
    assert resources(errand, [_PLAIN, _RICH]) == {
        "CPU": 2.5, "GPU": 1.0, "memory": 1e9, "licence": 2.0,
    }  # fmt: skip


def test_named_resources_are_told_apart_by_case() -> None:
    assert resources(Errand("dask", cpu=0, named={"Licence": 1}), [_RICH]) == {}


def test_one_core_is_a_thread_where_workers_declare_no_cores() -> None:
    assert refusal(Errand("dask"), [_PLAIN]) is None


def test_more_cores_than_one_would_not_be_counted_where_workers_declare_none() -> None:
    assert refusal(Errand("dask", cpu=2500), [_PLAIN]) == (
        "a step asks for 2.5 cpu, and no worker declares `cpu`, so that Dask would count one"
        " thread for it: start workers with --resources cpu=N"
    )


def test_a_gpu_that_no_worker_declares_is_refused() -> None:
    assert refusal(Errand("dask", gpus=1), [_PLAIN]) == (
        "a step asks for 1 gpu, and no worker declares any: start workers with --resources gpu=N"
    )


def test_the_largest_worker_is_named_beside_what_it_cannot_hold() -> None:
    assert refusal(Errand("dask", memory_bytes=3 * 10**9), [_PLAIN, _RICH]) == (
        "a step asks for memory 3000000000, and no worker has more than 2000000000"
    )


def test_all_of_a_demand_is_needed_on_one_worker() -> None:
    other = Worker("tcp://c:1", {"CPU": 1, "GPU": 4})
    assert refusal(Errand("dask", cpu=8000, gpus=4), [_RICH, other]) == (
        "no worker has all that a step asks for at once: CPU 8, GPU 4"
    )
