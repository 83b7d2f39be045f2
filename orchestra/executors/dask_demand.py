"""What a task asks of Dask's workers, and whether any of them can ever give it. Pure.

Dask counts one thread for each task and whatever resources its workers declare, in units that are
theirs. So a demand counts where workers declare a resource of its name: `cpu` in cores, `memory`
in bytes, `gpu` in devices, in any case (`GPU` is usual), named resources as they are written.
"""

from __future__ import annotations

from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence

from orchestra.model.errand import Errand

_CORE = 1000


class Worker(NamedTuple):
    """A worker as its scheduler knows it."""

    address: str
    resources: Mapping[str, float]


def resources(errand: Errand, workers: Sequence[Worker]) -> Dict[str, float]:
    """What to ask for in the words of the workers; only what at least one of them declares."""
    declared = sorted({name for worker in workers for name in worker.resources})
    asked: Dict[str, float] = {}
    for name, amount in _machine_demand(errand).items():
        spelt = [word for word in declared if word.lower() == name]
        if spelt and amount:
            asked[spelt[0]] = amount
    for name, units in errand.named.items():
        if name in declared and units:
            asked[name] = float(units)
    return asked


def refusal(errand: Errand, workers: Sequence[Worker]) -> Optional[str]:
    """Why none of the workers can ever run such a task; None if one can."""
    asked = resources(errand, workers)
    undeclared = _undeclared(errand, asked)
    if undeclared:
        return undeclared
    if any(_holds(worker, asked) for worker in workers):
        return None
    for name, amount in asked.items():
        most = max(worker.resources.get(name, 0) for worker in workers)
        if amount > most:
            return "a step asks for %s %s, and no worker has more than %s" % (
                name, _number(amount), _number(most),
            )  # fmt: skip
    return "no worker has all that a step asks for at once: %s" % in_words(asked)


def in_words(asked: Mapping[str, float]) -> str:
    """As in `cpu 4, gpu 1`."""
    return ", ".join("%s %s" % (name, _number(amount)) for name, amount in asked.items())


def _undeclared(errand: Errand, asked: Mapping[str, float]) -> Optional[str]:
    """What would not be counted although steps would get in each other's way."""
    counted = {name.lower() for name in asked}
    if errand.gpus and "gpu" not in counted:
        return (
            "a step asks for %d gpu, and no worker declares any:"
            " start workers with --resources gpu=N" % errand.gpus
        )
    if errand.cpu > _CORE and "cpu" not in counted:
        return (
            "a step asks for %s cpu, and no worker declares `cpu`, so that Dask would count one"
            " thread for it: start workers with --resources cpu=N" % _number(errand.cpu / _CORE)
        )
    return None


def _machine_demand(errand: Errand) -> Dict[str, float]:
    return {
        "cpu": errand.cpu / _CORE,
        "memory": float(errand.memory_bytes or 0),
        "gpu": float(errand.gpus),
    }


def _holds(worker: Worker, asked: Mapping[str, float]) -> bool:
    return all(worker.resources.get(name, 0) >= amount for name, amount in asked.items())


def _number(amount: float) -> str:
    return "%d" % amount if amount == int(amount) else "%g" % amount


def refusals(errands: Sequence[Errand], workers: Sequence[Worker]) -> List[str]:
    """Each way in which the errands ask too much, once."""
    found = [refusal(errand, workers) for errand in errands]
    return list(dict.fromkeys(text for text in found if text is not None))
