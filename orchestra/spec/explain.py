"""Why data is no workflow by the JSON Schema, as problems in the words of the format.

jsonschema finds them; it is imported here only, by who has a rejection to explain.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, Mapping, Tuple

import jsonschema

from orchestra.errors import PathParts, Problem
from orchestra.model.nearest import did_you_mean
from orchestra.spec.hints import (
    HANDLER_GROUPS,
    RESOURCE_WORDS,
    SETTING_BY_OTHER,
    TYPE_BY_OTHER,
    WORD_BY_OTHER,
    WORD_BY_OTHER_AT_ROOT,
    WORD_BY_OTHER_IN_NOTIFY,
    WORD_BY_OTHER_IN_SETTINGS,
    WORD_BY_OTHER_INSIDE,
)
from orchestra.spec.scalars import text_of
from orchestra.spec.wording import shortened, shown

_BODY_KEYS = ("run", "command", "python")
_LATER = frozenset(["schedule"])

MOST_EXPLAINED = 100
"""No more wrong steps, and no more wrong ids, than this are explained."""


def _type(validator: Any, types: Any, instance: Any, _schema: Any) -> Iterator[Any]:
    names = [types] if isinstance(types, str) else types
    if not any(validator.is_type(instance, name) for name in names):
        yield jsonschema.ValidationError("")


def _most_items(validator: Any, most: int, instance: Any, _schema: Any) -> Iterator[Any]:
    if isinstance(instance, list) and len(instance) > most:
        yield jsonschema.ValidationError("")


def _most_keys(validator: Any, most: int, instance: Any, _schema: Any) -> Iterator[Any]:
    if isinstance(instance, dict) and len(instance) > most:
        yield jsonschema.ValidationError("")


_VALIDATOR = jsonschema.validators.extend(  # type: ignore[no-untyped-call]  # it has no types
    jsonschema.Draft202012Validator,
    # jsonschema's own rules put the whole value into a sentence that nobody reads
    {"type": _type, "maxItems": _most_items, "maxProperties": _most_keys},
)


class Explainer:
    """Explains rejections by one schema; `whole` is what it speaks of.

    `unexplained` counts wrong keys beyond those explained; `was_cut` tells of the last rejection
    that more may be wrong than was said.
    """

    def __init__(self, schema: Mapping[str, Any], whole: str) -> None:
        self._root = _VALIDATOR(schema)
        self._whole = whole
        self.unexplained = 0
        self.was_cut = False

    def all(self, data: Any) -> List[Problem]:
        """All that is wrong with the data, as far as it is explained."""
        return self._problems(self._root, data, ())

    def _problems(self, validator: Any, data: Any, prefix: PathParts) -> List[Problem]:
        found: Dict[Tuple[PathParts, bool], Problem] = {}
        self.was_cut = False
        for number, error in enumerate(validator.iter_errors(data), 1):
            for problem in self._explain(error, (*prefix, *error.absolute_path)):
                known = found.get((problem.path, problem.on_key))
                if known is None or problem.code == "type":
                    found[problem.path, problem.on_key] = problem
            if error.validator in _SIZES or number == MOST_EXPLAINED:
                self.was_cut = True
                break
        return list(found.values())

    def _explain(self, error: Any, path: PathParts) -> Iterator[Problem]:
        value, rule = error.instance, error.validator
        if rule == "additionalProperties":
            unknown = [key for key in value if not _is_known(key, error.schema)]
            self.unexplained += len(unknown[MOST_EXPLAINED:])
            for key in unknown[:MOST_EXPLAINED]:
                yield self._unknown_key(key, error.schema, path)
        elif rule in _SIZES:
            yield _too_many(value, error.validator_value, path)
        elif rule == "required":
            yield self._missing(value, error.schema, path)
        elif rule == "pattern" and "propertyNames" in error.absolute_schema_path:
            yield self._bad_name(value, path)
        else:
            yield self._mismatch(value, error.schema, rule, path)

    def _mismatch(self, value: Any, schema: Any, rule: str, path: PathParts) -> Problem:
        title = schema.get("title") or _PLAIN_TITLES.get(schema.get("type"), "something else")
        as_text = rule == "type" or bool(_DIGITS.fullmatch(str(value)))
        message = "%s must be %s, not %s" % (_name(path), title, shown(value, as_text))
        code = "type" if rule == "type" else "value"
        hint = _hint(value, title)
        if len(path) > 1 and path[-2] in ("resources", "budget") and path[-1] not in _AMOUNTS:
            hint = did_you_mean(str(path[-1]), _AMOUNTS) or hint
        return Problem(path, code, message, hint)

    def _missing(self, value: Any, schema: Any, path: PathParts) -> Problem:
        missing = ["`%s`" % key for key in schema["required"] if key not in value]
        where = _name(path) if path else self._whole
        message = "%s lacks %s" % (where, " and ".join(missing))
        return Problem(path, "missing-key", message, on_key=bool(path))

    def _unknown_key(self, key: str, schema: Any, path: PathParts) -> Problem:
        if "patternProperties" in schema:
            return self._bad_name(key, path)
        known = schema.get("properties", {})
        place = "`%s`" % path[-1] if path else self._whole
        if path and isinstance(path[-1], int):
            place = "an entry of `%s`" % path[-2]
        message = "unknown key `%s` in %s" % (shortened(key), place)
        hint = self._hint_for(key, known, not path)
        return Problem((*path, key), "unknown-key", message, hint, on_key=True)

    def _hint_for(self, key: str, known: Any, is_root: bool) -> str:
        return did_you_mean(key, known) or _listed(known)

    def _bad_name(self, key: str, path: PathParts) -> Problem:
        hint = _NAME_RULE
        message = "`%s` cannot be a name" % shortened(key)
        if path[-1] == "steps":
            message = "`%s` cannot be a step's id" % shortened(key)
        elif path[-1] == "env":
            message = "`%s` cannot be the name of a variable" % shortened(key)
            hint = "it needs at least one character, and neither `=` nor NUL"
        return Problem((*path, key), "name", message, hint, on_key=True)


class WorkflowExplainer(Explainer):
    """Explains rejections by the schema of workflows, and knows the words of other tools."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        super().__init__(schema, "the workflow")
        self._step = self._root.evolve(schema=schema["$defs"]["step"])
        self._step_keys = schema["$defs"]["step"]["properties"]
        self._handler_keys = schema["$defs"]["handler"]["properties"]
        self._shared_keys = schema["$defs"]["defaults"]["properties"]
        self._root_keys = schema["properties"]
        self._steps = schema["$defs"]["steps"]

    def root(self, data: Any) -> List[Problem]:
        """What is wrong with the workflow and the ids of its steps; the steps are left out."""
        if not isinstance(data, dict) or not isinstance(data.get("steps"), dict):
            return self._problems(self._root, data, ())
        rules = self._steps
        ids = data["steps"]
        too_many = len(ids) > rules["maxProperties"]
        bad_ids = [] if too_many else [id for id in ids if not _is_known(id, rules)]
        self.unexplained += len(bad_ids[MOST_EXPLAINED:])
        # a step that is right stands for all, so that none of them is walked here
        shown: Dict[str, Any] = {id: {} for id in bad_ids[:MOST_EXPLAINED] or list(ids)[:1]}
        problems = self._problems(self._root, {**data, "steps": shown}, ())
        if too_many:
            problems.append(_too_many(ids, rules["maxProperties"], ("steps",)))
        return problems

    def step(self, id: str, data: Any) -> List[Problem]:
        """What is wrong with one step."""
        return self._problems(self._step, data, ("steps", id))

    def _hint_for(self, key: str, known: Any, is_root: bool) -> str:
        is_step = known.keys() == self._step_keys.keys()
        words = WORD_BY_OTHER_AT_ROOT if is_root else WORD_BY_OTHER
        is_handler = known.keys() == self._handler_keys.keys()
        is_whole = is_root or is_step or is_handler
        word = (words if is_whole else WORD_BY_OTHER_INSIDE).get(key)
        if "webhook" in known:
            word = WORD_BY_OTHER_IN_NOTIFY.get(key)
        if "max_jobs" in known:
            word = WORD_BY_OTHER_IN_SETTINGS.get(key)
            if key in RESOURCE_WORDS:
                return "say it under `resources` of the step"
        if word in known:
            return "write `%s`" % word
        if (is_root or is_step) and key in SETTING_BY_OTHER:
            return "write `%s: {%s: …}`" % tuple(SETTING_BY_OTHER[key].split("."))
        if key in HANDLER_GROUPS and "on_failure" in known:
            return "write `on_success`, `on_failure`, `on_cancel` and `finally`, each by itself"
        if is_handler and key in self._step_keys:
            return "known here are %s" % ", ".join("`%s`" % name for name in known)
        if word in _LATER:
            return "orchestra's word is `%s`, which this version does not have" % word
        if key in _LATER:
            return "this version of orchestra does not have `%s`" % key
        near = did_you_mean(key, known)
        if near:
            return near
        other = word or key
        if is_step and other in self._root_keys:
            return "`%s` is a key of the workflow, not of a step" % other
        if is_root and other in self._step_keys:
            shared = "; for all steps put it under `defaults`" if other in self._shared_keys else ""
            return "`%s` is a key of a step%s" % (other, shared)
        if len(known) > _MOST_LISTED:
            return "`orchestra schema` lists the keys that are known"
        return _listed(known)


_NAME_RULE = "letters, digits, `_` and `-`, at most 64, beginning with a letter or `_`"
_AMOUNTS = ("cpu", "memory", "gpu", "disk", "network")
_MOST_LISTED = 10
_DIGITS = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)
_CHOICE = re.compile("`([a-z]+)`")
_SIZES = ("maxItems", "maxProperties")
_PLAIN_TITLES = {"boolean": "true or false", "string": "text"}


def _too_many(value: Any, most: int, path: PathParts) -> Problem:
    message = "%s has %d entries, and at most %d can be read" % (_name(path), len(value), most)
    return Problem(path, "too-many", message, on_key=bool(path))


def _listed(known: Any) -> str:
    return "known are %s" % ", ".join("`%s`" % name for name in known) if known else ""


def _name(path: PathParts) -> str:
    if not path:
        return "the file"
    return "`%s`" % path[-1] if isinstance(path[-1], str) else "this"


def _is_known(key: str, schema: Any) -> bool:
    if key in schema.get("properties", {}):
        return True
    patterns = schema.get("patternProperties", {})
    return any(re.search(pattern, key) for pattern in patterns)


def _hint(value: Any, title: str) -> str:
    """What to do about a value that should be what the title says."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    text = text_of(value) if is_number or isinstance(value, str) else ""
    if "with a unit" in title and _DIGITS.fullmatch(text):
        sizes = "GiB" if float(text) < 64 else "MiB"
        unit = "s" if "duration" in title else sizes
        return "give the unit, for example %s%s" % (text, unit)
    if text in ("yes", "no", "on", "off") and "true" in title:
        return "write true or false: `%s` is text" % text
    if title.startswith("text") and value is None:
        return 'write "" for an empty text'
    choices = _CHOICE.findall(title)
    if text and choices:
        word = TYPE_BY_OTHER.get(text)
        near = "write `%s`" % word if word in choices else did_you_mean(text, choices)
        is_shell = "bash" in choices and _CHOICE.fullmatch("`%s`" % text)
        return near or ("write [%s, -c]" % text if is_shell else "")
    return ""
