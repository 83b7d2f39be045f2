"""What a file must be to be WfFormat 1.5 or 1.6, told anew from its README and its validator.

Both versions have these rules; task ids are held to the letters that both allow.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

import jsonschema

_TEXT = {"type": "string", "minLength": 1}
_ID = {"type": "string", "pattern": "^[0-9a-zA-Z_.-]+$"}
_IDS = {"type": "array", "items": _ID}
_AMOUNT = {"type": "number", "minimum": 0}
_TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"}


def _mapping(required: str, **properties: Any) -> Dict[str, Any]:
    return {"type": "object", "required": required.split(), "properties": properties}


def _list(items: Mapping[str, Any], least: int = 0) -> Dict[str, Any]:
    return {"type": "array", "items": items, "minItems": least}


_TASK = _mapping(
    "name id parents children",
    name=_TEXT,
    id=_ID,
    parents=_IDS,
    children=_IDS,
    inputFiles=_IDS,
    outputFiles=_IDS,
)
_RUN = _mapping(
    "id runtimeInSeconds",
    id=_ID,
    runtimeInSeconds=_AMOUNT,
    executedAt=_TIME,
    command=_mapping("", program=_TEXT, arguments=_list(_TEXT)),
    coreCount={"type": "number", "minimum": 1},
    avgCPU=_AMOUNT,
    readBytes=_AMOUNT,
    writtenBytes=_AMOUNT,
    memoryInBytes=_AMOUNT,
    energyInKWh=_AMOUNT,
    avgPowerInW=_AMOUNT,
    priority={"type": "number"},
    machines=_list(_TEXT),
)
_MACHINE = _mapping(
    "nodeName",
    nodeName={"type": "string", "format": "hostname", "minLength": 1},
    system={"enum": ["linux", "macos", "windows"]},
    architecture=_TEXT,
    release=_TEXT,
    memoryInBytes={"type": "integer", "minimum": 1},
    cpu=_mapping("", coreCount={"type": "integer", "minimum": 1}, vendor=_TEXT),
)
_INSTANCE = _mapping(
    "name schemaVersion workflow",
    name=_TEXT,
    description=_TEXT,
    createdAt=_TIME,
    schemaVersion={"enum": ["1.5", "1.6"]},
    runtimeSystem=_mapping("name version", name=_TEXT, version=_TEXT, url=_TEXT),
    workflow=_mapping(
        "specification",
        specification=_mapping(
            "tasks",
            tasks=_list(_TASK, least=1),
            files=_list(_mapping("id sizeInBytes", id=_TEXT, sizeInBytes={"type": "integer"})),
        ),
        execution=_mapping(
            "makespanInSeconds executedAt tasks",
            makespanInSeconds={"type": "number"},
            executedAt=_TIME,
            tasks=_list(_RUN, least=1),
            machines=_list(_MACHINE, least=1),
        ),
    ),
)


def faults(instance: Any) -> List[str]:
    """What is wrong with it, in words; what WfCommons' validator only warns of is a fault here."""
    validator = jsonschema.Draft202012Validator(_INSTANCE)
    found = [
        "%s: %s" % (error.json_path, error.message) for error in validator.iter_errors(instance)
    ]
    return found or _faults_of_graph(instance["workflow"])


def _faults_of_graph(workflow: Mapping[str, Any]) -> List[str]:
    tasks = workflow["specification"]["tasks"]
    runs = workflow.get("execution", {}).get("tasks", [])
    machines = workflow.get("execution", {}).get("machines", [])
    ids = [task["id"] for task in tasks]
    downwards = {(parent, task["id"]) for task in tasks for parent in task["parents"]}
    upwards = {(task["id"], child) for task in tasks for child in task["children"]}
    words = [word for edge in downwards | upwards for word in edge]
    listed = sum(len(task["parents"]) + len(task["children"]) for task in tasks)
    rules = {
        "an id is given twice": len(set(ids)) == len(ids),
        "a task names one that is none": set(words) <= set(ids),
        "parents and children differ": downwards == upwards,
        "a task is named twice": listed == len(downwards) + len(upwards),
        "a task ran twice": len({run["id"] for run in runs}) == len(runs),
        "what ran is no task": {run["id"] for run in runs} <= set(ids),
        "a machine is none": {name for run in runs for name in run.get("machines", ())}
        <= {machine["nodeName"] for machine in machines},
        "there is a cycle": _is_without_cycle(ids, downwards),
    }
    return [rule for rule, holds in rules.items() if not holds]


def _is_without_cycle(ids: List[str], edges: Any) -> bool:
    left = set(ids)
    edges = set(edges)
    while left:
        free = left - {below for _, below in edges}
        if not free:
            return False
        left -= free
        edges = {edge for edge in edges if edge[0] not in free}
    return True
