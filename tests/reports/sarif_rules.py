"""What a log must be to be SARIF 2.1.0, told anew from the standard, as far as orchestra writes it.

Every object is closed, as in the standard's own schema; what orchestra leaves out is not here.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

import jsonschema

_TEXT = {"type": "string"}
_PLACE = {"type": "integer", "minimum": 1}
_LEVEL = {"enum": ["none", "note", "warning", "error"]}


def _mapping(required: str, **properties: Any) -> Dict[str, Any]:
    return {
        "type": "object",
        "required": required.split(),
        "properties": properties,
        "additionalProperties": False,
    }


def _list(items: Mapping[str, Any], unique: bool = False) -> Dict[str, Any]:
    return {"type": "array", "items": items, "uniqueItems": unique}


_WORDS = _mapping("text", text=_TEXT)
_RULE = _mapping(
    "id",
    id=_TEXT,
    name=_TEXT,
    shortDescription=_WORDS,
    help=_WORDS,
    defaultConfiguration=_mapping("", level=_LEVEL),
)
_ARTIFACT = _mapping(
    "",
    uri={"type": "string", "pattern": r"^([A-Za-z0-9._~/:@!$&'()*+,;=-]|%[0-9A-F]{2})+$"},
    uriBaseId=_TEXT,
)
_LOCATION = _mapping(
    "",
    physicalLocation=_mapping(
        "artifactLocation",
        artifactLocation=_ARTIFACT,
        region=_mapping("", startLine=_PLACE, startColumn=_PLACE),
    ),
    logicalLocations=_list(_mapping("", fullyQualifiedName=_TEXT), unique=True),
)
_RESULT = _mapping(
    "message",
    ruleId=_TEXT,
    ruleIndex={"type": "integer", "minimum": -1},
    level=_LEVEL,
    message=_WORDS,
    locations=_list(_LOCATION),
)
_DRIVER = _mapping("name", name=_TEXT, version=_TEXT, rules=_list(_RULE, unique=True))
_SCHEMA = {
    "$schema": "http://json-schema.org/draft-04/schema#",
    **_mapping(
        "version runs",
        **{"$schema": {"type": "string", "format": "uri"}},
        version={"enum": ["2.1.0"]},
        runs=_list(
            _mapping(
                "tool",
                tool=_mapping("driver", driver=_DRIVER),
                columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                results=_list(_RESULT),
            )
        ),
    ),
}


def problems(log: Mapping[str, Any]) -> List[str]:
    """What is wrong with a log: against the schema, and each rule that a result does not name."""
    found = [error.message for error in jsonschema.Draft4Validator(_SCHEMA).iter_errors(log)]
    for run in log["runs"]:
        ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
        found += [
            "%(ruleId)s is not rule %(ruleIndex)d" % result
            for result in run["results"]
            if ids[result["ruleIndex"]] != result["ruleId"]
        ]
    return found
