"""What is wrong with a cluster, or with what is asked of it, before anything runs."""

from __future__ import annotations

from typing import List, Mapping, Sequence

from orchestra.executors.slurm_client import SlurmClient, SlurmRefusal, SlurmSilence
from orchestra.executors.slurm_facts import SlurmFacts
from orchestra.executors.slurm_request import options_of
from orchestra.model.errand import Errand
from orchestra.model.expression import Value

_NOTHING = "#!/bin/sh\n"
# What is so now and may be otherwise when the job's turn comes.
_FOR_NOW = ("required node not available", "requested nodes are busy", "reserved", "drained")
_MOST_TRIED = 50  # 6 ms each


def problems_of(
    client: SlurmClient,
    facts: SlurmFacts,
    errands: Sequence[Errand],
    settings: Mapping[str, Value],
) -> List[str]:
    """One sentence each: programs missing, no controller, what no node can ever give."""
    missing = client.missing()
    if missing:
        names = ", ".join(missing)
        return ["%s: not found; install Slurm's client here, or run where it is" % names]
    try:
        return _tried(client, facts, errands, settings)
    except SlurmSilence as silence:
        return ["Slurm does not answer: %s; `scontrol ping` says when it does" % silence]


def _tried(
    client: SlurmClient,
    facts: SlurmFacts,
    errands: Sequence[Errand],
    settings: Mapping[str, Value],
) -> List[str]:
    if not client.is_up():  # asked first: all else takes 9 s to fail
        raise SlurmSilence("its controller is not reached")
    requests = {
        options_of(errand, settings, facts.licenses if errand.named else ()): None
        for errand in errands
    }
    problems = []
    for options in list(requests)[:_MOST_TRIED]:
        try:
            client.ask("sbatch", *options, "--test-only", "--chdir=/", stdin=_NOTHING)
        except SlurmRefusal as refusal:
            if not any(words in str(refusal).lower() for words in _FOR_NOW):
                problems.append("Slurm refuses a job with %s: %s" % (" ".join(options), refusal))
    return problems
