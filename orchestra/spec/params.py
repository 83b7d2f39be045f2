"""The values of a run's parameters: given, from a file, from the environment, or by default."""

from __future__ import annotations

import datetime
from typing import Any, Dict, List, Mapping

from orchestra.errors import Fault, UsageError, WorkflowError
from orchestra.model.expression import Value
from orchestra.model.nearest import did_you_mean
from orchestra.model.workflow import Param, Workflow
from orchestra.spec.document import read_document
from orchestra.spec.files import read_file
from orchestra.spec.paramtypes import (
    Clock,
    ParamError,
    check_rules,
    from_text,
    from_value,
    read_json,
    resolve,
)

VARIABLE_PREFIX = "ORCHESTRA_PARAM_"
"""What the name of a parameter's environment variable begins with."""


def bind(
    workflow: Workflow,
    given: Mapping[str, str],
    file: Mapping[str, Value],
    environ: Mapping[str, str],
    today: datetime.date,
    base_dir: str,
) -> Dict[str, Value]:
    """The value of every parameter by its name, null where none is given and none is required.

    `given` wins over `file`, that over `ORCHESTRA_PARAM_NAME` (the name as it is or in capitals)
    in `environ`, that over the default. Dates are `YYYY-MM-DD` text; paths are absolute.

    Raises:
        UsageError: names that are not known, values that do not fit, all of them at once.
    """
    clock = Clock(today, base_dir)
    faults = [
        *_unknown(workflow, given, "-p %s"),
        *_unknown(workflow, file, "`%s` in the params file"),
    ]
    values: Dict[str, Value] = {}
    for name, param in workflow.params.items():
        try:
            values[name] = _value(param, given, file, environ, clock)
        except ParamError as error:
            faults.append("parameter `%s` %s" % (name, error))
    if faults:
        raise UsageError("\n".join(faults))
    return values


def read_params_file(path: str) -> Mapping[str, Value]:
    """The mapping in a YAML file, or in a JSON file where the name ends in `.json`.

    Raises:
        UsageError: the file cannot be read.
        WorkflowError: what it holds is no mapping of names to values.
    """
    data = read_file(path)
    if path.endswith(".json"):
        root: Any = _json_root(path, data)
        text = ""
    else:
        document = read_document(path, data)
        faults = document.blemish_faults()
        if any(fault.severity == "error" for fault in faults):
            raise WorkflowError(faults, document.text)
        root, text = document.root, document.text
    if root is None:
        return {}
    if not isinstance(root, dict):
        message = "a params file is a mapping of names to values"
        raise WorkflowError((_fault(path, 1, 1, message),), text)
    return root


def _value(
    param: Param,
    given: Mapping[str, str],
    file: Mapping[str, Value],
    environ: Mapping[str, str],
    clock: Clock,
) -> Value:
    variable = VARIABLE_PREFIX + param.name
    if variable not in environ:
        variable = variable.upper().replace("-", "_")
    if param.name in given:
        value = from_text(param.type, given[param.name])
    elif param.name in file:
        value = from_value(param.type, file[param.name])
    elif variable in environ:
        value = from_text(param.type, environ[variable])
    elif param.has_default:
        value = param.default
    elif param.required:
        raise ParamError("is required: give it by -p %s=VALUE" % param.name)
    else:
        return None
    value = resolve(param.type, value, clock)
    check_rules(param, value, clock)
    return value


def _unknown(workflow: Workflow, names: Mapping[str, Any], words: str) -> List[str]:
    lines = []
    for name in names:
        if name not in workflow.params:
            hint = did_you_mean(name, workflow.params)
            if not hint:
                known = ", ".join(workflow.params) or "none"
                hint = "its parameters: %s" % known
            place = words % name
            lines.append("%s: the workflow has no parameter `%s`; %s" % (place, name, hint))
    return lines


def _json_root(path: str, data: bytes) -> Value:
    try:
        return read_json(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        message = "the file is no UTF-8"
    except ParamError as error:
        message = "the file %s" % error
    raise WorkflowError((_fault(path, 1, 1, message),), "")


def _fault(path: str, line: int, column: int, message: str) -> Fault:
    return Fault(path, line, column, (), "error", "params-file", message)
