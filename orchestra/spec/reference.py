"""The reference page: every key of a workflow file, from the JSON Schema and nothing else. Pure.

`python -m orchestra.spec.generate` writes it to `docs/reference.md`; no wheel has this module.
"""

from __future__ import annotations

import json
import re
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

import yaml

ITEM = "[]"
"""Stands in a path for any element of a list, as NAME and ID do for a word of the author's."""

KeyPath = Tuple[str, ...]
"""Where a key stands, from the root of the file."""

Schema = Mapping[str, Any]

_WIDTH = 90
_HEAD = """# Every key of a workflow file

Made from `schemas/workflow.schema.json` by `python -m orchestra.spec.generate`. A test runs every
example on this page as part of a workflow. NAME and ID stand for words of your own, `[]` for each
element of a list. How the keys work together is told by the [guides](README.md).
"""
_WORDS_BY_TYPE = {
    "string": "text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "array": "a list",
    "object": "a mapping",
}
_CHOICE = re.compile(r"\^(\(SIG\)\?)?\((\w+(?:\|\w+)*)\)\$\(\?!\\n\)")


class Key(NamedTuple):
    """A key, where it stands; `same_as` is the path of the key that it repeats, if it does."""

    path: KeyPath
    rules: Mapping[str, Any]
    same_as: Optional[KeyPath] = None

    @property
    def name(self) -> str:
        """The path in a word."""
        return dotted(self.path)

    @property
    def examples(self) -> List[Any]:
        """Values that the schema gives for it."""
        return list(self.rules.get("examples", ()))


class Section(NamedTuple):
    """A mapping with known keys: `path` leads to it from the root of the file."""

    path: KeyPath
    rules: Mapping[str, Any]
    keys: List[Key]


def dotted(path: KeyPath) -> str:
    """A path as people write it: `steps.ID.require[].if`."""
    return ".".join(path).replace("." + ITEM, ITEM)


def resolve(schema: Schema, rules: Schema) -> Dict[str, Any]:
    """Rules with what they refer to; their own words win."""
    if "$ref" not in rules:
        return dict(rules)
    own = {word: rule for word, rule in rules.items() if word != "$ref"}
    node: Any = schema
    for word in rules["$ref"][2:].split("/"):
        node = node[word]
    return {**resolve(schema, node), **own}


def sections(schema: Schema) -> List[Section]:
    """Every mapping with known keys, the root first, outer ones before inner ones.

    One that is used at several places is told once, at the first of them.
    """
    found: List[Section] = []
    first_by_mapping: Dict[str, KeyPath] = {}
    queue: List[Tuple[KeyPath, Mapping[str, Any]]] = [((), resolve(schema, schema))]
    while queue:
        path, rules = queue.pop(0)
        keys = [
            Key((*path, name), resolve(schema, raw), _alias(raw))
            for name, raw in rules["properties"].items()
        ]
        for place, key in enumerate(keys):
            for inner, mapping in () if key.same_as else _mappings(schema, key.path, key.rules):
                mark = json.dumps(mapping["properties"], sort_keys=True)
                first = first_by_mapping.setdefault(mark, inner)
                if first == inner:
                    queue.append((inner, mapping))
                else:
                    keys[place] = key._replace(same_as=first)
        found.append(Section(path, rules, keys))
    return found


def _alias(raw: Mapping[str, Any]) -> Optional[KeyPath]:
    """Where the key is told already, when it is by reference nothing but another key."""
    words = raw.get("$ref", "").split("/")
    return ("steps", "ID", words[4]) if words[2:4] == ["step", "properties"] else None


def _mappings(schema: Schema, path: KeyPath, rules: Schema) -> Iterator[Tuple[KeyPath, Schema]]:
    """The mappings with known keys that a key's value is, or is made of."""
    if "properties" in rules:
        yield path, rules
        return
    word = "ID" if path[-1] == "steps" else "NAME"
    inner = [(word, part) for part in rules.get("patternProperties", {}).values()]
    inner += [(word, rules.get("additionalProperties")), (ITEM, rules.get("items"))]
    for word, part in inner:
        if isinstance(part, dict):
            yield from _mappings(schema, (*path, word), resolve(schema, part))


def page(schema: Schema) -> str:
    """The whole page as Markdown."""
    return "\n".join([_HEAD, *(_section(schema, section) for section in sections(schema))])


def _section(schema: Schema, section: Section) -> str:
    title = "`%s`" % dotted(section.path) if section.path else "The file"
    required = section.rules.get("required", ())
    others = section.rules.get("additionalProperties")
    lines = ["## %s\n" % title]
    if isinstance(others, dict):
        lines.append("Any other name: %s.\n" % _in_words(resolve(schema, others)))
    lines += [_key(key, key.path[-1] in required) for key in section.keys]
    return "\n".join(lines)


def _key(key: Key, is_required: bool) -> str:
    facts = [_in_words(key.rules)]
    if is_required:
        facts.append("required")
    if "default" in key.rules:
        facts.append("default `%s`" % _on_one_line(key.rules["default"]))
    lines = ["### `%s`\n" % key.name, key.rules["description"] + "\n", "*%s*\n" % "; ".join(facts)]
    if key.same_as is not None:
        link = "[`%s`](#%s)" % (dotted(key.same_as), _anchor(key.same_as))
        lines.append("As at %s.\n" % link)
    shown = "\n# or\n".join(as_yaml({key.path[-1]: example}) for example in key.examples)
    return "\n".join([*lines, "```yaml\n%s\n```\n" % shown])


def _in_words(rules: Mapping[str, Any]) -> str:
    """What kind of value it is: the title, or words for the type and its bounds."""
    kinds = rules.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    words = rules.get("title") or " or ".join(_WORDS_BY_TYPE[kind] for kind in kinds)
    if not words:
        words = "any value"
    if "title" not in rules and "minimum" in rules and "maximum" in rules:
        words += " from %s to %s" % (rules["minimum"], rules["maximum"])
    choice = _CHOICE.fullmatch(rules.get("pattern", ""))
    allowed = choice.group(2).split("|") if choice else []
    if not all("`%s`" % word in words for word in allowed):
        words += ": one of %s" % ", ".join("`%s`" % word for word in allowed)
    return words


def as_yaml(data: Mapping[str, Any], indent: str = "") -> str:
    """A mapping as YAML as people write it: one line for a value that fits into one."""
    lines: List[str] = []
    for name, value in data.items():
        line = "%s%s: %s" % (indent, name, _on_one_line(value))
        if isinstance(value, dict) and value and len(line) > _WIDTH:
            lines += ["%s%s:" % (indent, name), as_yaml(value, indent + "  ")]
        elif isinstance(value, str) and "\n" in value:
            sign = "|" if value.endswith("\n") else "|-"
            lines.append("%s%s: %s" % (indent, name, sign))
            lines += [indent + "  " + part for part in value.splitlines()]
        else:
            lines.append(line)
    return "\n".join(lines)


def _on_one_line(value: Any) -> str:
    """A value in YAML's short form; a bare scalar with as few quotes as a line of its own needs."""
    is_scalar = not isinstance(value, (dict, list))
    text = yaml.safe_dump(
        {"x": value} if is_scalar else value,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=not is_scalar,
        width=10**6,
    )
    return str(text)[3 if is_scalar else 0 :].rstrip("\n")


def _anchor(path: KeyPath) -> str:
    """The anchor that GitHub gives to a heading: lower case, letters, digits, `-` and `_`."""
    return re.sub(r"[^\w-]", "", dotted(path).lower())
