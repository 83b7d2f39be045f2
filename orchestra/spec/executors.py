"""Where steps run: `executor`, and what each executor is told, from data of the right form."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional

from orchestra.errors import PathParts
from orchestra.model.errand import LOCAL
from orchestra.model.executor_names import OWN_EXECUTORS, is_executor, known_executors
from orchestra.model.expression import Tree
from orchestra.model.nearest import did_you_mean
from orchestra.spec.accept import root_keys
from orchestra.spec.findings import Findings
from orchestra.spec.quantities import Quantities
from orchestra.spec.references import IN_SETTINGS, IN_STEP, Where
from orchestra.spec.texts import OPEN, Texts

SETTINGS_KEYS = tuple(name for name in OWN_EXECUTORS if name != LOCAL)
"""The keys that hold what an executor is told; each is the name of one."""

_KEYS = frozenset(["executor", *SETTINGS_KEYS])
_OF_RUN = "max_jobs"
"""The setting of the whole run, which counts at the root alone."""

_Settings = Mapping[str, Mapping[str, Tree]]


class Whereabouts(NamedTuple):
    """Where the steps of a file run that says nothing, and what a person has said to that.

    What is `wanted` takes the place of what files say at their root and in `defaults`, and `local`
    of all that they say.
    """

    around: str = LOCAL
    wanted: Optional[str] = None


class Executors:
    """Reads where the steps of one workflow run; `read_root` comes first.

    `here` is where the step runs that is being read; what stands in no step runs on this machine.
    """

    def __init__(self, texts: Texts, findings: Findings, whereabouts: Whereabouts) -> None:
        self._texts = texts
        self._findings = findings
        self._whereabouts = whereabouts
        self._quantities = Quantities(texts, findings)
        self._executor = LOCAL
        self._settings: _Settings = {}
        self._own_settings: _Settings = {}
        self.here = LOCAL

    def read_root(self, data: Mapping[str, Any], others: Mapping[str, Any]) -> _Settings:
        """What executors are told at the root; it and `defaults` hold for the steps from now on.

        `others` is what is told to those of other packages, which look at it when a run begins.
        """
        defaults = data.get("defaults", {})
        around, wanted = self._whereabouts
        said = self._executor_of(data, ())
        said = self._executor_of(defaults, ("defaults",)) or said
        self._executor = (wanted or said) if said else around
        root = {**self._settings_of(data, (), IN_SETTINGS), **self._settings_of_others(others)}
        self._settings = _merged(root, self._settings_of(defaults, ("defaults",), IN_STEP))
        return root

    def enter(self, data: Mapping[str, Any], path: PathParts) -> Dict[str, Any]:
        """The fields of a step that say where it runs; it is the one that is read from now on."""
        executor, settings = self._executor, self._settings
        if not _KEYS.isdisjoint(data):
            executor = self._executor_of(data, path) or executor
            if self._whereabouts.wanted == LOCAL:
                executor = LOCAL
            settings = _merged(settings, self._settings_of(data, path, IN_STEP))
        self.here, self._own_settings = executor, settings
        if executor == LOCAL:
            return {}
        return {"executor": executor, "executor_settings": settings.get(executor, {})}

    def leave(self) -> None:
        """What is read from now on stands in no step."""
        self.here = LOCAL

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Meanwhile steps are read that are in the step being read, and run where that does."""
        before = self._executor, self._settings
        here = self._executor, self._settings = self.here, self._own_settings
        yield
        self.here, self._own_settings = here
        self._executor, self._settings = before

    def refuse_job_server(self, data: Mapping[str, Any], path: PathParts) -> None:
        """Reports a step with a job server that runs elsewhere than the cores that it is lent."""
        own = "jobserver" in data
        message = "`jobserver` lends cores of this machine, and the step runs on `%s`" % self.here
        hint = "leave it out" if own else "write `jobserver: false` in the step"
        place = (*path, "jobserver") if own else path
        hint += ", or give the step `executor: local`"
        self._findings.error(place, "job-server-elsewhere", message, hint, on_key=not own)

    def _executor_of(self, data: Mapping[str, Any], path: PathParts) -> str:
        """The executor that is named among these keys, empty where none is."""
        if "executor" not in data:
            return ""
        name: str = data["executor"]
        if not is_executor(name):
            message = "`%s` is no executor" % name
            self._findings.error((*path, "executor"), "unknown-executor", message, hint_for(name))
            return ""
        return name

    def _settings_of(self, data: Mapping[str, Any], path: PathParts, where: Where) -> _Settings:
        """What is told to each executor at one place."""
        found: Dict[str, Dict[str, Tree]] = {}
        for executor in SETTINGS_KEYS:
            if executor in data:
                place = (*path, executor)
                found[executor] = {
                    name: self._setting(name, value, (*place, name), where)
                    for name, value in data[executor].items()
                }
                if path:
                    self._tell_of_useless(executor, found[executor], place)
        return found

    def _settings_of_others(self, others: Mapping[str, Any]) -> _Settings:
        found: Dict[str, Mapping[str, Tree]] = {}
        for executor, told in others.items():
            if isinstance(told, dict):
                found[executor] = {
                    name: self._texts.tree(value, (executor, name), IN_SETTINGS)
                    for name, value in told.items()
                }
            else:
                message = "`%s` must be a mapping of what that executor is told" % executor
                self._findings.error((executor,), "type", message)
        return found

    def _setting(self, name: str, value: Any, path: PathParts, where: Where) -> Tree:
        if name == _OF_RUN:
            return int(value)
        if name == "time":
            return self._time(value, path, where)
        if name == "extra":
            return [self._option(item, (*path, number), where) for number, item in enumerate(value)]
        return self._texts.text(value, path, where)

    def _time(self, value: Any, path: PathParts, where: Where) -> Tree:
        if isinstance(value, str) and OPEN in value:
            return self._texts.template(value, path, where)
        seconds = self._quantities.duration(value, path)
        if seconds <= 0:
            self._findings.error(path, "no-time", "a time of 0 leaves no time to run")
        return seconds

    def _option(self, value: str, path: PathParts, where: Where) -> Tree:
        """An option for sbatch, which must be known by its name before anything runs."""
        from orchestra.model.sbatch_options import name_of, why_refused  # few files have such

        name = name_of(value)
        if value in ("-", "--"):
            self._findings.error(path, "option", "`%s` is no option of sbatch" % value)
        elif OPEN in name or name == "-$":
            message = "the name of an option takes no expressions"
            self._findings.error(path, "no-expression-here", message, offset=value.index(OPEN))
        elif why_refused(value):
            message = "`%s` cannot be given to sbatch here" % name
            self._findings.error(path, "own-option", message, why_refused(value))
        return self._texts.text(value, path, where)

    def _tell_of_useless(
        self, executor: str, settings: Mapping[str, Tree], path: PathParts
    ) -> None:
        if _OF_RUN in settings:
            message = "`%s` does nothing here: there is one for the run" % _OF_RUN
            hint = "put it under `%s` at the root of the file" % executor
            self._findings.warning((*path, _OF_RUN), "no-use", message, hint)


def settings_of_others(data: Any) -> Dict[str, Any]:
    """What stands at the root for executors of other packages, by their names."""
    unknown = data.keys() - root_keys if isinstance(data, dict) else ()
    if not unknown:
        return {}
    known = known_executors()
    return {name: data[name] for name in data if name in unknown and name in known}


def hint_for(name: str) -> str:
    """What may have been meant by the name of an executor that is none."""
    known = known_executors()
    listed: List[str] = ["`%s`" % each for each in known]
    return did_you_mean(name, known) or "known are %s" % ", ".join(listed)


def _merged(below: _Settings, above: _Settings) -> _Settings:
    if not above:
        return below
    return {
        executor: {**below.get(executor, {}), **above.get(executor, {})}
        for executor in {**below, **above}
    }
