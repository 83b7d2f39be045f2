"""What is needed to tell of a run that was killed, as JSON and back. Pure; holds no secret.

Texts are kept as they stand in the file, so that nothing that an expression gives is written down:
whoever tells of the run evaluates them with the environment of that time.
"""

from __future__ import annotations

import json
from typing import Any, Dict, List, Mapping, NamedTuple, Union

from orchestra.model.expression import ExpressionError, Text, Tree, Value, parse_text, references_of
from orchestra.model.workflow import (
    AlertWhen,
    Channel,
    FromCommand,
    FromFile,
    FromVariable,
    NotifyEntry,
    SecretSource,
    Workflow,
)

_FORMAT = 1

_Kept = Union[str, Dict[str, str]]


class Owed(NamedTuple):
    """A workflow, of which only what its alerts need is there, and the values of its `vars`."""

    workflow: Workflow
    vars: Mapping[str, Value]


def owed_text(owed: Owed) -> str:
    """The JSON to keep while a run has not told how it went."""
    workflow = owed.workflow
    data = {
        "format": _FORMAT,
        "path": workflow.path,
        "folder": workflow.folder,
        "name": workflow.name,
        "env": {name: _kept(text) for name, text in workflow.env.items()},
        "env_files": list(workflow.env_files),
        "secrets": {name: _source_data(source) for name, source in workflow.secrets.items()},
        "vars": dict(owed.vars),
        "notify": [_entry_data(entry) for entry in workflow.notify],
    }
    return json.dumps(data)


def read_owed(text: str) -> Owed:
    """What `owed_text` gave.

    Raises:
        ValueError: it is something else.
    """
    try:
        data = json.loads(text)
        if data["format"] != _FORMAT:
            raise ValueError("format %r" % data["format"])
        workflow = Workflow(
            path=data["path"],
            folder=data["folder"],
            name=data["name"],
            step_by_id={},
            env={name: _text(kept) for name, kept in data["env"].items()},
            env_files=tuple(data["env_files"]),
            secrets={name: _source(*kept) for name, kept in data["secrets"].items()},
            notify=tuple(_entry(entry) for entry in data["notify"]),
        )
        return Owed(workflow, data["vars"])
    except (TypeError, KeyError, AttributeError, ExpressionError) as fault:
        raise ValueError(str(fault)) from fault


def used_secrets(workflow: Workflow) -> Dict[str, SecretSource]:
    """Where the secrets come from that alerts use, in an address or by the environment."""
    texts: List[Tree] = [word for entry in workflow.notify for word in entry.words]
    texts += workflow.env.values()
    names = {r.path[1] for r in references_of(texts) if r.path[0] == "secrets" and len(r.path) > 1}
    return {name: source for name, source in workflow.secrets.items() if name in names}


def _entry_data(entry: NotifyEntry) -> Dict[str, Any]:
    data = entry._asdict()
    words: List[_Kept] = [_kept(word) for word in entry.words]
    return {**data, "words": words}


def _entry(data: Dict[str, Any]) -> NotifyEntry:
    return NotifyEntry(
        data["place"],
        Channel(data["channel"]),
        tuple(_text(kept) for kept in data["words"]),
        tuple(AlertWhen(when) for when in data["when"]),
        data["name"],
        data["timeout_s"],
        data["slow_after_s"],
    )


def _kept(text: Text) -> _Kept:
    """Plain text as it is; it may hold what would be an expression if it were read again."""
    return text if isinstance(text, str) else {"template": text.source}


def _text(kept: _Kept) -> Text:
    return kept if isinstance(kept, str) else parse_text(kept["template"])


def _source_data(source: SecretSource) -> List[Any]:
    """Where a secret comes from; never the secret."""
    return [type(source).__name__, *source]


def _source(kind: str, where: Any) -> SecretSource:
    if kind == FromCommand.__name__:
        return FromCommand(tuple(where))
    if kind == FromFile.__name__:
        return FromFile(where)
    if kind == FromVariable.__name__:
        return FromVariable(where)
    raise KeyError(kind)
