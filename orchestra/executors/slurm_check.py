"""What is wrong with a cluster, or with what is asked of it, before anything runs."""

from __future__ import annotations

import re
from typing import List, Mapping, Sequence

from orchestra.executors.slurm_client import SlurmClient, SlurmRefusal, SlurmSilence, words_of
from orchestra.executors.slurm_facts import SlurmFacts
from orchestra.executors.slurm_request import options_of
from orchestra.model.errand import Errand
from orchestra.model.expression import Value

_NOTHING = "#!/bin/sh\n"
# What is so now and may be otherwise when the job's turn comes.
_FOR_NOW = ("required node not available", "requested nodes are busy", "reserved", "drained")
# What is said of nodes that are too small, and of those that are out of service as well.
_UNAVAILABLE = "requested node configuration is not available"
_SERVING = frozenset(("IDLE", "ALLOCATED", "MIXED", "COMPLETING", "PLANNED", "CLOUD"))
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
    unread = client.missing_conf()  # Slurm's programs look for it for a minute
    if unread:
        return ["SLURM_CONF names no file: %s" % unread]
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
    ping = client.answer("scontrol", "ping")  # asked first: all else takes 9 s to fail
    if ping.code:
        raise SlurmSilence(words_of(ping.complaint) or "its controller is not reached")
    requests = {
        options_of(errand, settings, facts.licenses if errand.named else ()): errand
        for errand in errands
    }
    problems = []
    for options, errand in list(requests.items())[:_MOST_TRIED]:
        try:
            client.ask("sbatch", *options, "--test-only", "--chdir=/", stdin=_NOTHING)
        except SlurmRefusal as refusal:
            words = str(refusal).lower()
            if any(each in words for each in _FOR_NOW):
                continue
            if _UNAVAILABLE not in words or not _may_come(client, errand):
                problems.append("Slurm refuses a job with %s: %s" % (" ".join(options), refusal))
    return problems


def _may_come(client: SlurmClient, errand: Errand) -> bool:
    """Whether what is out of service now may be enough: a partition, or a node of that size.

    Raises:
        SlurmSilence: the controller does not say it.
    """
    try:
        partitions = client.ask("scontrol", "-o", "show", "partition")
        nodes = client.ask("scontrol", "-o", "show", "nodes").splitlines()
    except SlurmRefusal:
        return False
    is_all_resting = re.search(r"\bState=(DOWN|DRAIN)\b", partitions) is not None
    resting = [
        node
        for node in nodes
        if is_all_resting or not _SERVING.issuperset(_field(node, "State").split("+"))
    ]
    memory_bytes = errand.memory_bytes or 0
    return any(
        int(_field(node, "CPUTot") or 0) * 1000 >= errand.cpu
        and int(_field(node, "RealMemory") or 0) << 20 >= memory_bytes
        and (not errand.gpus or _field(node, "Gres").startswith("gpu"))
        for node in resting
    )


def _field(line: str, name: str) -> str:
    found = re.search(r"(?:^| )%s=(\S*)" % name, line)
    return found.group(1) if found else ""
