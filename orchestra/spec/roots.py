"""The root keys of a workflow from data that has the right form: params, vars, env and the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Mapping, Optional, Set, Tuple

from orchestra.errors import PathParts
from orchestra.model.expression import Tree, references_of
from orchestra.model.workflow import Concurrency, GroupPolicy, Param, ParamType, SecretSource
from orchestra.spec.findings import Findings
from orchestra.spec.notify import Notifications
from orchestra.spec.paramtypes import (
    ParamError,
    check_rules,
    from_value,
    type_of,
)
from orchestra.spec.places import Places
from orchestra.spec.quantities import Quantities
from orchestra.spec.references import IN_GROUP, IN_OUTPUTS, IN_ROOT_ENV, IN_VARS
from orchestra.spec.scalars import text_of
from orchestra.spec.secrets import read_secrets
from orchestra.spec.steps import Steps, read_inherit_env
from orchestra.spec.texts import OPEN, Texts
from orchestra.spec.wording import shown

_LONG_FORM = frozenset(
    ["type", "default", "enum", "pattern", "min", "max", "required", "description"]
)


class Roots:
    """Reads the root of one workflow."""

    def __init__(self, texts: Texts, places: Places, steps: Steps, findings: Findings) -> None:
        self._texts = texts
        self._places = places
        self._steps = steps
        self._findings = findings
        self._quantities = Quantities(texts, findings)

    def fields(self, data: Mapping[str, Any], name: str) -> Dict[str, Any]:
        """The fields of `Workflow` but its steps; `name` is for a file that gives none."""
        defaults = data.get("defaults", {})
        return {
            "name": self._texts.constant(data.get("name", name), ("name",), "the workflow's name"),
            "description": text_of(data.get("description", "")),
            "labels": {
                key: self._texts.constant(value, ("labels", key), "a label")
                for key, value in data.get("labels", {}).items()
            },
            "params": self._params(data.get("params", {})),
            "vars": self._vars(data.get("vars", {})),
            "env": self._steps.env(data.get("env", {}), ("env",), IN_ROOT_ENV),
            "default_env": self._steps.env(
                defaults.get("env", {}), ("defaults", "env"), IN_ROOT_ENV
            ),
            "env_files": self._env_files(data.get("env_file", [])),
            "inherit_env": read_inherit_env(data.get("inherit_env", True)),
            "secrets": self._secrets(data.get("secrets", {})),
            "budget": self._quantities.amounts(data.get("budget", {}), ("budget",)),
            "max_parallel": None if "max_parallel" not in data else int(data["max_parallel"]),
            "fail_fast": data.get("fail_fast", False),
            "timeout_s": self._timeout(data),
            "notify": Notifications(self._texts, self._findings).entries(data.get("notify", ())),
            "outputs": {
                name: self._texts.tree(value, ("outputs", name), IN_OUTPUTS)
                for name, value in data.get("outputs", {}).items()
            },
            "concurrency": self._concurrency(data.get("concurrency")),
        }

    def _secrets(self, value: Any) -> Dict[str, SecretSource]:
        secrets, problems = read_secrets(value)
        for problem in problems:
            self._findings.add(problem)
        return secrets

    def _concurrency(self, value: Any) -> Optional[Concurrency]:
        if value is None:
            return None
        group = None
        if "group" in value:
            group = self._texts.text(value["group"], ("concurrency", "group"), IN_GROUP)
        policy = GroupPolicy(value.get("policy", GroupPolicy.QUEUE))
        return Concurrency(group, int(value.get("limit", 1)), policy)

    def _timeout(self, data: Mapping[str, Any]) -> Optional[float]:
        if "timeout" not in data:
            return None
        return self._quantities.timeout(data["timeout"], ("timeout",))

    def _env_files(self, value: Any) -> Tuple[str, ...]:
        names: List[Any] = [value] if isinstance(value, str) else value
        read = []
        for number, name in enumerate(names):
            path: PathParts = ("env_file", number) if isinstance(value, list) else ("env_file",)
            read.append(self._texts.constant(name, path, "`env_file`"))
            if OPEN not in name:
                self._places.file(name, path)
        return tuple(read)

    def _vars(self, data: Mapping[str, Any]) -> Dict[str, Tree]:
        trees = {
            name: self._texts.tree(value, ("vars", name), IN_VARS) for name, value in data.items()
        }
        uses = {
            name: [
                str(reference.path[1])
                for reference in references_of(tree)
                if reference.path[0] == "vars" and len(reference.path) > 1
            ]
            for name, tree in trees.items()
        }
        circle = _circle(uses)
        if circle:
            message = "variables use each other in a circle: %s" % " uses ".join(circle)
            hint = "take one of these out"
            self._findings.error(("vars", circle[0]), "vars-circle", message, hint, on_key=True)
        return trees

    def _params(self, data: Mapping[str, Any]) -> Dict[str, Param]:
        return {name: self._param(name, value) for name, value in data.items()}

    def _param(self, name: str, value: Any) -> Param:
        path: PathParts = ("params", name)
        rules: Dict[str, Any] = value if isinstance(value, dict) else {}
        if value is not None and not isinstance(value, dict):
            rules, default_path = {"default": value}, path
        else:
            default_path = (*path, "default")
        self._check_constants(rules, path, default_path)
        samples = [rules["default"]] if "default" in rules else rules.get("enum", [])[:1]
        kind = type_of(samples[0]) if samples and samples[0] is not None else ParamType.STRING
        if "type" in rules:
            kind = ParamType(rules["type"])
        for rule in ("min", "max"):
            if rule in rules and kind not in (ParamType.INT, ParamType.FLOAT):
                message = "`%s` is for numbers, and `%s` is of type %s" % (rule, name, kind.value)
                self._findings.error((*path, rule), "param-rule", message)
        param = Param(
            name=name,
            type=kind,
            required=rules.get("required", False),
            enum=tuple(
                self._value(kind, choice, (*path, "enum", number), "a choice of `%s`" % name)
                for number, choice in enumerate(rules.get("enum", ()))
            ),
            pattern=self._texts.pattern(rules.get("pattern"), (*path, "pattern")),
            min=rules.get("min"),
            max=rules.get("max"),
            description=text_of(rules.get("description", "")),
        )
        return self._with_default(param, rules, default_path)

    def _with_default(self, param: Param, rules: Mapping[str, Any], path: PathParts) -> Param:
        if rules.get("default") is None:
            return param
        before = self._findings.count
        words = "the default of `%s`" % param.name
        default = self._value(param.type, rules["default"], path, words)
        is_relative = param.type is ParamType.DATE and default in ("today", "yesterday")
        if self._findings.count == before and not is_relative:
            try:
                check_rules(param, default)
            except ParamError as error:
                self._findings.error(path, "param-value", "%s %s" % (words, error))
        return replace(param, default=default, has_default=True)

    def _value(self, kind: ParamType, value: Any, path: PathParts, words: str) -> Any:
        try:
            return from_value(kind, value)
        except ParamError as error:
            message = "%s %s, not %s" % (words, error, shown(value, kind is not ParamType.DATE))
            self._findings.error(path, "param-value", message)
            return None

    def _check_constants(
        self, rules: Mapping[str, Any], path: PathParts, default_path: PathParts
    ) -> None:
        places = [(default_path, rules.get("default"))]
        places += [((*path, "enum", n), v) for n, v in enumerate(rules.get("enum", ()))]
        for place, value in places:
            self._texts.refuse_long_floats(value, place)
            if isinstance(value, str):
                self._texts.constant(value, place, "a parameter")


def _circle(uses: Mapping[str, List[str]]) -> List[str]:
    """One circle of names, the first name again at its end; empty if there is none."""
    done: Set[str] = set()
    for start in uses:
        trail: Dict[str, None] = {}
        branches = [iter([start])]
        while branches:
            name = next(branches[-1], None)
            if name is None:
                branches.pop()
                if trail:
                    done.add(trail.popitem()[0])
            elif name in trail:
                names = list(trail)
                return [*names[names.index(name) :], name]
            elif name in uses and name not in done:
                trail[name] = None
                branches.append(iter(uses[name]))
    return []
