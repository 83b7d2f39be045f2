"""What a log must be to be SARIF 2.1.0: the standard's own schema, and what that cannot say."""

from __future__ import annotations

import json
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, List, Mapping

import jsonschema

from tests.reports.published import published


def problems(log: Mapping[str, Any]) -> List[str]:
    """What is wrong with a log: against the schema, and each rule that a result does not name."""
    found = [error.message for error in jsonschema.Draft7Validator(_schema()).iter_errors(log)]
    for run in log["runs"]:
        ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
        found += [
            "%(ruleId)s is not rule %(ruleIndex)d" % result
            for result in run["results"]
            if ids[result["ruleIndex"]] != result["ruleId"]
        ]
    return found


@lru_cache(maxsize=None)
def _schema() -> Dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        text = published("sarif_pydantic==0.6.2", "sarif-schema-2.1.0.json", Path(folder))
    schema: Dict[str, Any] = json.loads(text)
    return schema
