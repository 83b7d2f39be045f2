"""The faults of workflow files as a SARIF 2.1.0 log, which code scanning and editors read. Pure.

Source: OASIS Standard "Static Analysis Results Interchange Format (SARIF) Version 2.1.0".
"""

from __future__ import annotations

import json
import os
from typing import Any, Dict, List, NamedTuple, Sequence
from urllib.parse import quote

from orchestra.errors import Fault
from orchestra.reports.fault_text import encodable, sentence

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_BASE = "%SRCROOT%"
_FAULT_HELP = "Nothing runs with an error in the file. Each result says what to write instead."


class Rule(NamedTuple):
    """A lint as the log tells of it: its code and name, in one sentence, and what to do."""

    code: str
    name: str
    summary: str
    help: str


def render_faults_sarif(
    faults: Sequence[Fault], rules: Sequence[Rule], version: str, folder: str
) -> str:
    """One log for all files; their names are relative to `folder`, where the command was typed.

    All `rules` are in it, whether or not something was found, and one for each other code.
    """
    others = sorted({fault.code for fault in faults} - {rule.code for rule in rules})
    described = [_rule(rule) for rule in rules] + [_rule_of_code(code) for code in others]
    index_by_code = {rule["id"]: index for index, rule in enumerate(described)}
    log = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {"name": "orchestra", "version": version, "rules": described},
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(fault, index_by_code[fault.code], folder) for fault in faults],
            }
        ],
    }
    return json.dumps(log, indent=2) + "\n"


def _rule(rule: Rule) -> Dict[str, Any]:
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "help": {"text": rule.help},
        "defaultConfiguration": {"level": "warning"},
    }


def _rule_of_code(code: str) -> Dict[str, Any]:
    """A fault of the language itself, whose code is made of words."""
    return {
        "id": code,
        "shortDescription": {"text": code.replace("-", " ")},
        "help": {"text": _FAULT_HELP},
    }


def _result(fault: Fault, index: int, folder: str) -> Dict[str, Any]:
    region = {"startLine": fault.line, "startColumn": fault.column}
    place = {"artifactLocation": _artifact(fault.file, folder), "region": region}
    return {
        "ruleId": fault.code,
        "ruleIndex": index,
        "level": fault.severity,
        "message": {"text": sentence(fault)},
        "locations": [{"physicalLocation": place, **_logical(fault)}],
    }


def _logical(fault: Fault) -> Dict[str, List[Dict[str, str]]]:
    """The place in the data, as the step's id and the keys in it."""
    name = "/".join(encodable(str(part)) for part in fault.path)
    return {"logicalLocations": [{"fullyQualifiedName": name}]} if name else {}


def _artifact(file: str, folder: str) -> Dict[str, str]:
    """The URI of a file, relative where it lies in the folder.

    A name is bytes, which are escaped one by one: none need be UTF-8, and a `:` is no scheme.
    """
    path = os.path.normpath(os.path.join(folder, file))
    relative = os.path.relpath(path, folder)
    if relative.split(os.sep)[0] == os.pardir:
        return {"uri": "file://" + quote(os.fsencode(path))}
    return {"uri": quote(os.fsencode(relative)), "uriBaseId": _BASE}
