"""Steps from data that has the right form, defaults included, with what is wrong with them."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Tuple, Union

from orchestra.errors import PathParts
from orchestra.model.expression import STATUS_FUNCTIONS, Text
from orchestra.model.patterns import pattern_problem
from orchestra.model.workflow import (
    ON_DONE,
    Artifacts,
    ArtifactsWhen,
    Cache,
    Handler,
    InnerSteps,
    Need,
    NeedResult,
    OutputType,
    Requirement,
    Retry,
    RetryWhen,
    Shell,
    Step,
    Stop,
    Uses,
)
from orchestra.spec.bodies import BODY_KEYS, Bodies
from orchestra.spec.executors import SETTINGS_KEYS, Executors
from orchestra.spec.fanouts import FanOuts
from orchestra.spec.findings import Findings
from orchestra.spec.handlers import HANDLER_KEYS, Handlers
from orchestra.spec.places import Places
from orchestra.spec.quantities import Quantities
from orchestra.spec.references import IN_CACHE, IN_CONDITION, IN_NAME, IN_STEP, Where, with_secrets
from orchestra.spec.scalars import text_of
from orchestra.spec.texts import OPEN, Texts
from orchestra.spec.uses import UsesReader

_OWN_PREFIX = "ORCHESTRA_"
_IN_ENV = with_secrets(IN_STEP)


class Steps:
    """Reads the steps of one workflow. `read_defaults` comes first."""

    def __init__(
        self,
        texts: Texts,
        places: Places,
        uses: UsesReader,
        findings: Findings,
        executors: Executors,
    ) -> None:
        self._texts = texts
        self._uses = uses
        self._places = places
        self._findings = findings
        self._executors = executors
        self._bodies = Bodies(texts, places, findings)
        self._fan_outs = FanOuts(texts, findings)
        self._quantities = Quantities(texts, findings)
        self._handlers = Handlers(texts, places, uses, findings, self.env)
        self._defaults: Dict[str, Any] = {}
        self._default_shell: Shell = "bash"
        self._convert_by_key: Dict[str, Callable[[Dict[str, Any], Any, PathParts], None]] = {
            "name": self._name,
            "description": self._description,
            "needs": self._needs,
            "if": self._condition,
            "require": self._require,
            "working_dir": self._working_dir,
            "env": self._env,
            "inherit_env": self._inherit_env,
            "timeout": self._timeout,
            "stop": self._stop,
            "retry": self._retry,
            "rerun": self._rerun,
            "allow_failure": self._allow_failure,
            "success_codes": self._success_codes,
            "skip_codes": self._skip_codes,
            "outputs": self._outputs,
            "artifacts": self._artifacts,
            "cache": self._cache,
            "resources": self._resources,
            "enforce": self._enforce,
            "jobserver": self._jobserver,
            "priority": self._priority,
            "mutex": self._mutex,
            "duration": self._duration,
        }

    def read_defaults(self, data: Mapping[str, Any]) -> None:
        """Takes the root's `defaults`, less `env`, which is a layer of its own."""
        self._default_shell = read_shell(data.get("shell", "bash"), self._texts, ("defaults",))
        for reader in (self._bodies, self._handlers):
            reader.read_defaults(data.get("python", {}))
        own = {key: value for key, value in data.items() if key not in ("env", "shell", "python")}
        self._defaults = self._fields(own, ("defaults",))
        self._check_codes(self._defaults, ("defaults",))
        if OPEN not in data.get("working_dir", OPEN):
            place = ("defaults", "working_dir")
            self._places.folder(data["working_dir"], place, may_come=True)

    def steps(self, data: Mapping[str, Any], path: PathParts) -> Dict[str, Step]:
        """Steps by their ids, as they stand at `path` of the file."""
        place_of = (*path, "steps")
        self._refuse_case_twins(data, place_of)
        return {
            id: self._step(id, place, step, (*place_of, id))
            for place, (id, step) in enumerate(data.items())
        }

    def _step(self, id: str, place: int, data: Mapping[str, Any], path: PathParts) -> Step:
        fan_out = self._fan_outs.fields(data, path)
        whereabouts = self._executors.enter(data, path)
        if "steps" in data or "uses" in data:
            return self._with_inner(id, place, data, path, {**fan_out, **whereabouts})
        if "with" in data:
            message = "`with` does nothing in a step without `uses`"
            self._findings.warning((*path, "with"), "no-use", message)
        fields = self._fields(data, path)
        fields.update(fan_out)
        fields.update(whereabouts)
        shell = self._default_shell
        if "shell" in data:
            shell = read_shell(data["shell"], self._texts, path)
            if "run" not in data:
                message = "`shell` does nothing in a step without `run`"
                self._findings.warning((*path, "shell"), "no-use", message)
        body = self._bodies.body(data, path, shell)
        if not _HANDLER_FIELDS.isdisjoint(data):
            fields["handlers"] = self._step_handlers(data, path, shell, body is None)
        has_codes = bool(_CODE_FIELDS & fields.keys())
        if self._defaults:
            fields = {**self._defaults, **fields}
        if has_codes:
            self._check_codes(fields, path)
            self._check_growth(fields, path)
        if "if" in data:
            self._check_when(data, fields, path)
        if data.get("enforce") and not _LIMITED & fields.get("resources", {}).keys():
            message = "`enforce` limits nothing: the step says neither `memory` nor `cpu`"
            hint = "say what it takes under `resources`"
            self._findings.warning((*path, "enforce"), "no-use", message, hint)
        if whereabouts and fields.get("jobserver"):
            self._executors.refuse_job_server(data, path)
        if "cache" in data and body is None:
            message = "`cache` does nothing in a step that runs nothing"
            self._findings.warning((*path, "cache"), "no-use", message)
        if "working_dir" in data and OPEN not in data["working_dir"]:
            place_path = (*path, "working_dir")
            self._places.folder(data["working_dir"], place_path, bool(fields.get("needs")))
        return Step(id, place, body, **fields)

    def _with_inner(
        self,
        id: str,
        place: int,
        data: Mapping[str, Any],
        path: PathParts,
        more: Mapping[str, Any],
    ) -> Step:
        """A step with others in it, which takes no defaults: those are for the steps inside.

        `more` are its fields that are not read here.
        """
        kind = "steps" if "steps" in data else "uses"
        for key in data:
            is_with = key == "with" and kind == "uses"
            if key not in _BESIDE_STEPS and key not in BODY_KEYS and not is_with:
                message = "`%s` cannot stand beside `%s`" % (key, kind)
                hint = "give it to the steps inside"
                self._findings.error((*path, key), "not-here", message, hint, on_key=True)
        self._bodies.body(data, path, self._default_shell)
        fields = {**self._fields(data, path), **more}
        if not isinstance(fields.get("allow_failure", False), bool):
            message = "a step with others in it has no exit code"
            place_path = (*path, "allow_failure")
            self._findings.error(place_path, "not-here", message, "write `allow_failure: true`")
        if "if" in data:
            self._check_when(data, fields, path)
        if not _HANDLER_FIELDS.isdisjoint(data):
            fields["handlers"] = self._step_handlers(data, path, self._default_shell, False)
        if len(path) > 2 * _MOST_LEVELS:
            message = "there are at most %d levels of steps in steps" % _MOST_LEVELS
            self._findings.error((*path, "steps"), "too-deep", message, on_key=True)
            return Step(id, place, None)
        body: Union[InnerSteps, Uses, None]
        if kind == "uses":
            body = self._uses.body(data, path)
        else:
            with self._texts.inside(data["steps"]), self._executors.inside():
                body = InnerSteps(self.steps(data["steps"], path))
        allowed = {key: value for key, value in fields.items() if key in _FIELDS_BESIDE_STEPS}
        return Step(id, place, body, **allowed)

    def _refuse_case_twins(self, ids: Iterable[str], path: PathParts) -> None:
        first_by_folded: Dict[str, str] = {}
        for id in ids:
            first = first_by_folded.setdefault(id.casefold(), id)
            if first != id:
                message = "`%s` and `%s` differ in case only" % (id, first)
                hint = "rename one: ids are told apart without regard to case"
                self._findings.error((*path, id), "case-twin", message, hint, on_key=True)

    def run_handlers(self, data: Mapping[str, Any]) -> Dict[str, Handler]:
        """What the workflow has for the end of its run; after `read_defaults` and all steps."""
        self._executors.leave()
        working_dir = self._defaults.get("working_dir")
        return {
            key: handler if handler.working_dir else handler._replace(working_dir=working_dir)
            for key, handler in self._handlers.read(
                data, (), self._shell(self._default_shell)
            ).items()
        }

    def _step_handlers(
        self, data: Mapping[str, Any], path: PathParts, shell: Shell, is_gate: bool
    ) -> Dict[str, Handler]:
        if is_gate:
            key = next(key for key in HANDLER_KEYS if key in data)
            message = "`%s` does nothing in a step that runs nothing" % key
            self._findings.warning((*path, key), "no-use", message)
        handlers = self._handlers.read(data, path, self._shell(shell))
        fallback = handlers.get("fallback")
        if fallback is not None and isinstance(fallback.body, Uses):
            self._check_fallback(data, fallback.body, path)
        return handlers

    def _check_fallback(self, data: Mapping[str, Any], body: Uses, path: PathParts) -> None:
        """A fallback leaves what its step would have left."""
        file = os.path.basename(body.workflow.path)
        for name in data.get("outputs", ()):
            if name not in body.workflow.outputs:
                message = "%s has no output `%s`, which the step has" % (file, name)
                hint = "give it one under `outputs` at its root"
                self._findings.error((*path, "fallback", "uses"), "missing-output", message, hint)

    def _shell(self, outer: Shell) -> Callable[[Mapping[str, Any], PathParts], Shell]:
        """What gives the shell of a handler, `outer` where it names none."""

        def shell_of(data: Mapping[str, Any], path: PathParts) -> Shell:
            if "shell" not in data:
                return outer
            if "run" not in data:
                message = "`shell` does nothing without `run`"
                self._findings.warning((*path, "shell"), "no-use", message)
            return read_shell(data["shell"], self._texts, path)

        return shell_of

    def env(self, data: Mapping[str, Any], path: PathParts, where: Where) -> Dict[str, Text]:
        """A layer of environment variables."""
        layer: Dict[str, Text] = {}
        for name, value in data.items():
            text = self._texts.text(value, (*path, name), where)
            self._bodies.check_length(text, len(name.encode("utf-8", "replace")) + 1, (*path, name))
            if name.startswith(_OWN_PREFIX):
                message = "`%s` cannot be set: names in %s* are orchestra's own" % (
                    name,
                    _OWN_PREFIX,
                )
                self._findings.error((*path, name), "own-variable", message, on_key=True)
            layer[name] = text
        return layer

    def _fields(self, data: Mapping[str, Any], path: PathParts) -> Dict[str, Any]:
        fields: Dict[str, Any] = {}
        for key, value in data.items():
            convert = self._convert_by_key.get(key)
            if convert is not None:
                convert(fields, value, (*path, key))
        return fields

    def _name(self, fields: Dict[str, Any], value: Any, path: PathParts) -> None:
        fields["name"] = self._texts.text(value, path, IN_NAME)

    def _description(self, fields: Dict[str, Any], value: Any, path: PathParts) -> None:
        fields["description"] = text_of(value)

    def _needs(self, fields: Dict[str, Any], value: Any, path: PathParts) -> None:
        if isinstance(value, list):
            places = [(item, (*path, number)) for number, item in enumerate(value)]
        else:
            places = [(value, path)]
        needs: Dict[str, Need] = {}
        for item, place in places:
            need = Need(item) if isinstance(item, str) else _need(item)
            if need.step in needs:
                message = "`%s` is needed twice" % need.step
                self._findings.error(place, "needed-twice", message, "take one of them out")
            needs[need.step] = need
        fields["needs"] = tuple(needs.values())

    def _condition(self, fields: Dict[str, Any], value: Any, path: PathParts) -> None:
        fields["condition"] = self._texts.condition(value, path, IN_CONDITION)

    def _require(self, fields: Dict[str, Any], value: Any, path: PathParts) -> None:
        fields["require"] = tuple(
            Requirement(
                self._texts.condition(item["if"], (*path, number, "if"), IN_STEP),
                self._texts.text(item["message"], (*path, number, "message"), IN_STEP),
            )
            for number, item in enumerate(value)
        )

    def _working_dir(self, fields: Dict[str, Any], value: Any, path: PathParts) -> None:
        fields["working_dir"] = self._texts.text(value, path, IN_STEP)

    def _env(self, fields: Dict[str, Any], value: Any, path: PathParts) -> None:
        fields["env"] = self.env(value, path, _IN_ENV)

    def _inherit_env(self, fields: Dict[str, Any], value: Any, path: PathParts) -> None:
        fields["inherit_env"] = read_inherit_env(value)

    def _timeout(self, fields: Dict[str, Any], value: Any, path: PathParts) -> None:
        fields["timeout"] = self._quantities.step_timeout(value, path)

    def _stop(self, fields: Dict[str, Any], value: Any, path: PathParts) -> None:
        stop = Stop()
        if "signal" in value:
            stop = stop._replace(signal=_signal(value["signal"]))
        if "grace" in value:
            grace_s = self._quantities.duration(value["grace"], (*path, "grace"))
            stop = stop._replace(grace_s=grace_s)
        fields["stop"] = stop

    def _retry(self, fields: Dict[str, Any], value: Any, path: PathParts) -> None:
        if not isinstance(value, dict):
            fields["retry"] = Retry(int(value))
            return
        given: Dict[str, Any] = {"max": int(value["max"])}
        for key in ("delay", "max_delay", "max_time"):
            if key in value:
                given[key + "_s"] = self._quantities.duration(value[key], (*path, key))
        for key in ("backoff", "jitter"):
            if key in value:
                given[key] = float(value[key])
        if "when" in value:
            output = self._texts.pattern(value["when"].get("output"), (*path, "when", "output"))
            given["when"] = _retry_when(value["when"], output)
        if "resources" in value:
            given["resources"] = self._quantities.factors(value["resources"], (*path, "resources"))
        fields["retry"] = Retry(**given)

    def _allow_failure(self, fields: Dict[str, Any], value: Any, path: PathParts) -> None:
        is_plain = isinstance(value, bool)
        fields["allow_failure"] = value if is_plain else _codes(value["exit_codes"])

    def _success_codes(self, fields: Dict[str, Any], value: Any, path: PathParts) -> None:
        fields["success_codes"] = _codes(value)

    def _skip_codes(self, fields: Dict[str, Any], value: Any, path: PathParts) -> None:
        fields["skip_codes"] = _codes(value)

    def _outputs(self, fields: Dict[str, Any], value: Any, path: PathParts) -> None:
        fields["outputs"] = {name: OutputType(word) for name, word in value.items()}

    def _artifacts(self, fields: Dict[str, Any], value: Any, path: PathParts) -> None:
        given = value["paths"]
        places = [(given, (*path, "paths"))]
        if isinstance(given, list):
            places = [(item, (*path, "paths", number)) for number, item in enumerate(given)]
        for pattern, place in places:
            problem = pattern_problem(pattern)
            if problem:
                hint = "write a path below the step's `working_dir`"
                self._findings.error(place, "outside", problem, hint)
        fields["artifacts"] = Artifacts(
            tuple(self._texts.text(pattern, place, IN_STEP) for pattern, place in places),
            ArtifactsWhen(value.get("when", ArtifactsWhen.SUCCESS)),
            self._quantities.duration(value["keep"], (*path, "keep")) if "keep" in value else None,
        )

    def _cache(self, fields: Dict[str, Any], value: Any, path: PathParts) -> None:
        if not value.get("inputs") and not value.get("outputs"):
            message = "`cache` lacks `inputs` or `outputs`"
            hint = "without files to look at, it cannot tell when to run again"
            self._findings.error(path, "missing-key", message, hint, on_key=True)
        places = {key: value.get(key, ()) for key in ("inputs", "outputs")}
        texts = {
            key: tuple(
                self._texts.text(item, (*path, key, number), IN_CACHE)
                for number, item in enumerate(items)
            )
            for key, items in places.items()
        }
        for key, items in texts.items():
            for number, item in enumerate(items):
                if item == "":
                    message = "a path has at least one character"
                    self._findings.error((*path, key, number), "value", message)
        key_text = (
            self._texts.text(value["key"], (*path, "key"), IN_CACHE) if "key" in value else None
        )
        env = tuple(dict.fromkeys(value.get("env", ())))
        fields["cache"] = Cache(texts["inputs"], texts["outputs"], env, key_text)

    def _resources(self, fields: Dict[str, Any], value: Any, path: PathParts) -> None:
        fields["resources"] = self._quantities.demands(value, path)

    def _rerun(self, fields: Dict[str, Any], value: Any, path: PathParts) -> None:
        fields["may_rerun"] = value == "always"

    def _jobserver(self, fields: Dict[str, Any], value: Any, path: PathParts) -> None:
        fields["jobserver"] = value

    def _enforce(self, fields: Dict[str, Any], value: Any, path: PathParts) -> None:
        fields["enforce"] = value

    def _priority(self, fields: Dict[str, Any], value: Any, path: PathParts) -> None:
        fields["priority"] = int(value)

    def _mutex(self, fields: Dict[str, Any], value: Any, path: PathParts) -> None:
        fields["mutex"] = (value,) if isinstance(value, str) else tuple(dict.fromkeys(value))

    def _duration(self, fields: Dict[str, Any], value: Any, path: PathParts) -> None:
        fields["duration_s"] = self._quantities.duration(value, path)

    def _check_codes(self, fields: Mapping[str, Any], path: PathParts) -> None:
        """An exit code has one meaning."""
        retry = fields.get("retry")
        allowed = fields.get("allow_failure", ())
        lists: List[Tuple[str, Tuple[int, ...], PathParts]] = [
            ("success_codes", fields.get("success_codes", (0,)), ("success_codes",)),
            ("skip_codes", fields.get("skip_codes", ()), ("skip_codes",)),
            (
                "retry.when.exit_codes",
                retry.when.exit_codes if retry and retry.when else (),
                ("retry", "when", "exit_codes"),
            ),
        ]
        if isinstance(allowed, tuple):
            codes_path: PathParts = ("allow_failure", "exit_codes")
            lists.append(("allow_failure.exit_codes", allowed, codes_path))
        seen: Dict[int, str] = {}
        for words, codes, place in lists:
            for code in sorted(set(codes)):
                first = seen.setdefault(code, words)
                if first != words:
                    message = "exit code %d is in `%s` and in `%s`" % (code, first, words)
                    hint = "leave it in one of them"
                    self._findings.error((*path, *place), "code-twice", message, hint)

    def _check_growth(self, fields: Mapping[str, Any], path: PathParts) -> None:
        """Only what the step asks for can grow."""
        retry = fields.get("retry")
        for name in retry.resources if retry else ():
            if name != "cpu" and name not in fields.get("resources", ()):
                message = "`%s` cannot grow: the step asks for none" % name
                hint = "say under `resources` how much the first attempt takes"
                place = (*path, "retry", "resources", name)
                self._findings.error(place, "no-amount", message, hint, on_key=True)

    def _check_when(
        self, data: Mapping[str, Any], fields: Mapping[str, Any], path: PathParts
    ) -> None:
        """A status function replaces the rule that `when` is a part of."""
        asked = sorted(fields["condition"].functions & STATUS_FUNCTIONS)
        needs = data.get("needs", ())
        items = needs if isinstance(needs, list) else [needs]
        if asked and any(isinstance(item, dict) and "when" in item for item in items):
            message = "`%s()` in `if` cannot stand beside `when` in `needs`" % asked[0]
            hint = "leave `when` out and ask steps.ID.result"
            self._findings.error((*path, "if"), "if-and-when", message, hint)


_MOST_LEVELS = 16
_BESIDE_STEPS = frozenset(["name", "description", "needs", "if", "require", "matrix", "foreach"])
_BESIDE_STEPS |= frozenset(["max_parallel", "fail_fast", "timeout", "allow_failure", "duration"])
_BESIDE_STEPS |= frozenset(HANDLER_KEYS)
_BESIDE_STEPS |= frozenset(["executor", *SETTINGS_KEYS])
_FIELDS_BESIDE_STEPS = _BESIDE_STEPS - {"if"} | {"condition", "fan_out", "duration_s", "handlers"}
_FIELDS_BESIDE_STEPS |= frozenset(["executor", "executor_settings"])
_LIMITED = frozenset(["memory", "cpu"])
_HANDLER_FIELDS = frozenset(HANDLER_KEYS)
_CODE_FIELDS = frozenset(["success_codes", "skip_codes", "retry", "allow_failure"])


def read_inherit_env(value: Any) -> Union[bool, Tuple[str, ...]]:
    """What is inherited: all, none, or the names in the list."""
    return value if isinstance(value, bool) else tuple(value)


def read_shell(value: Any, texts: Texts, path: PathParts) -> Shell:
    """`bash`, `sh` or the words of another program."""
    if isinstance(value, str):
        return value
    return tuple(
        texts.constant(word, (*path, "shell", number), "`shell`")
        for number, word in enumerate(value)
    )


def _need(item: Mapping[str, Any]) -> Need:
    when = item.get("when", "success")
    words = [when] if isinstance(when, str) else when
    if "done" in words:
        return Need(item["step"], ON_DONE)
    return Need(item["step"], frozenset(NeedResult(word) for word in words))


def _codes(values: List[Any]) -> Tuple[int, ...]:
    return tuple(dict.fromkeys(int(value) for value in values))


def _signal(word: str) -> str:
    return word if word.startswith("SIG") else "SIG" + word


def _retry_when(value: Mapping[str, Any], output: Optional[str]) -> RetryWhen:
    return RetryWhen(
        _codes(value.get("exit_codes", [])),
        tuple(_signal(word) for word in value.get("signals", [])),
        value.get("timeout", False),
        value.get("oom", False),
        output,
    )
