"""What is wrong with a cluster, or with what is asked of it, before anything runs."""

from __future__ import annotations

import re
from typing import Dict, List, Mapping, Sequence, Tuple

from orchestra.executors.places import Objection
from orchestra.executors.slurm_client import SlurmClient, SlurmRefusal, SlurmSilence, words_of
from orchestra.executors.slurm_facts import SlurmFacts
from orchestra.executors.slurm_partitions import too_long
from orchestra.executors.slurm_request import options_of
from orchestra.model.errand import Errand
from orchestra.model.expression import Value
from orchestra.model.nearest import did_you_mean

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
) -> List[Objection]:
    """Programs missing, no controller, what no node can ever give, settings that mean nothing."""
    missing = client.missing()
    if missing:
        names = ", ".join(missing)
        words = "%s: not found; install Slurm's client here, or run where it is"
        return [Objection(words % names)]
    unread = client.missing_conf()  # Slurm's programs look for it for a minute
    if unread:
        return [Objection("SLURM_CONF names no file: %s" % unread)]
    try:
        return _tried(client, facts, errands, settings)
    except SlurmSilence as silence:
        words = "Slurm does not answer: %s; `scontrol ping` says when it does"
        return [Objection(words % silence)]


def _tried(
    client: SlurmClient,
    facts: SlurmFacts,
    errands: Sequence[Errand],
    settings: Mapping[str, Value],
) -> List[Objection]:
    ping = client.answer("scontrol", "ping")  # asked first: all else takes 9 s to fail
    if ping.code:
        raise SlurmSilence(words_of(ping.complaint) or "its controller is not reached")
    requests: Dict[Tuple[str, ...], List[int]] = {}
    for place, errand in enumerate(errands):
        licenses = facts.licenses if errand.named else ()
        requests.setdefault(options_of(errand, settings, licenses), []).append(place)
    objections: List[Objection] = []
    for options, places in list(requests.items())[:_MOST_TRIED]:
        errand = errands[places[0]]
        chosen = _chosen(client, settings, errand)
        try:
            client.ask("sbatch", *options, "--test-only", "--chdir=/", stdin=_NOTHING)
        except SlurmRefusal as refusal:
            objections.extend(_objections(client, facts, refusal, options, places, errand, chosen))
            continue
        long = too_long(facts.partitions, chosen, options) if _is_one_cluster(client) else ""
        if long:
            hint = "ask for less `time`, a shorter `timeout`, or another partition"
            objections.append(Objection(long, tuple(places), hint))
    return objections


def _objections(
    client: SlurmClient,
    facts: SlurmFacts,
    refusal: SlurmRefusal,
    options: Sequence[str],
    places: Sequence[int],
    errand: Errand,
    chosen: Mapping[str, Value],
) -> List[Objection]:
    """What a refusal comes to: nothing, if it is for now."""
    words = str(refusal).lower()
    if any(each in words for each in _FOR_NOW):
        return []
    is_too_much = _UNAVAILABLE in words
    if is_too_much and _may_come(client, errand):
        return []
    hint = None if is_too_much else ""
    if "partition" in words and chosen.get("partition"):
        names = [each.name for each in facts.partitions]
        hint = did_you_mean(str(chosen["partition"]), names)
        hint = hint or "the partitions are %s" % ", ".join("`%s`" % name for name in names)
    text = "Slurm refuses a job with %s: %s" % (" ".join(options), refusal)
    return [Objection(text, tuple(places), hint)]


def _chosen(
    client: SlurmClient, settings: Mapping[str, Value], errand: Errand
) -> Mapping[str, Value]:
    """The settings that count, with those of the environment that sbatch goes by below them."""
    around = {key: client.told("SBATCH_" + key.upper()) for key in ("partition", "qos")}
    return {**around, **settings, **errand.settings}


def _is_one_cluster(client: SlurmClient) -> bool:
    return not (client.told("SBATCH_CLUSTERS") or client.told("SLURM_CLUSTERS"))


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
