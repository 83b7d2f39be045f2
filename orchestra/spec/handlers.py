"""What runs at the end of a step, and of the run: fallback and handlers, read into bodies."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Optional, Union

from orchestra.errors import PathParts
from orchestra.model.expression import Template, Text
from orchestra.model.workflow import Handler, Shell
from orchestra.spec.bodies import Bodies
from orchestra.spec.findings import Findings
from orchestra.spec.places import Places
from orchestra.spec.quantities import Quantities
from orchestra.spec.references import IN_HANDLER, Where, with_secrets
from orchestra.spec.texts import OPEN, Texts
from orchestra.spec.uses import UsesReader

HANDLER_KEYS = ("fallback", "on_success", "on_failure", "on_cancel", "finally")
"""Their keys, which are the values of the roles that they play."""

ReadEnv = Callable[[Mapping[str, Any], PathParts, Where], Dict[str, Text]]


class Handlers:
    """Reads the handlers of one step or of the workflow, and reports what is wrong with them."""

    def __init__(
        self,
        texts: Texts,
        places: Places,
        uses: UsesReader,
        findings: Findings,
        read_env: ReadEnv,
    ) -> None:
        self._texts = texts
        self._uses = uses
        self._places = places
        self._findings = findings
        self._read_env = read_env
        self._bodies = Bodies(texts, places, findings, IN_HANDLER)
        self.read_defaults = self._bodies.read_defaults
        self._quantities = Quantities(texts, findings, IN_HANDLER)

    def read(
        self, data: Mapping[str, Any], path: PathParts, shell_of: Callable[[Any, PathParts], Shell]
    ) -> Dict[str, Handler]:
        """Those that are among the keys of `data`; `shell_of` gives the shell of one."""
        handlers: Dict[str, Handler] = {}
        for key in HANDLER_KEYS:
            if key in data:
                place = (*path, key)
                handler = self._handler(data[key], place, shell_of(data[key], place))
                if handler is not None:
                    handlers[key] = handler
        return handlers

    def _handler(self, data: Mapping[str, Any], path: PathParts, shell: Shell) -> Optional[Handler]:
        working_dir = timeout = None
        if "working_dir" in data:
            working_dir = self._texts.text(data["working_dir"], (*path, "working_dir"), IN_HANDLER)
            if OPEN not in data["working_dir"]:
                self._places.folder(data["working_dir"], (*path, "working_dir"), may_come=True)
        if "timeout" in data:
            timeout = self._quantities.step_timeout(data["timeout"], (*path, "timeout"))
        env = self._read_env(data.get("env", {}), (*path, "env"), with_secrets(IN_HANDLER))
        before = self._findings.count
        body = self._bodies.body(data, path, shell)
        if body is None and "uses" in data:
            return self._using(data, path, timeout)
        if "with" in data:
            message = "`with` does nothing without `uses`"
            self._findings.warning((*path, "with"), "no-use", message)
        if body is None:
            if self._findings.count == before:
                message = "`%s` runs nothing" % path[-1]
                hint = "give it one of `run`, `command`, `python` and `uses`"
                self._findings.error(path, "no-body", message, hint, on_key=True)
            return None
        return Handler(body, working_dir, env, timeout)

    def _using(
        self, data: Mapping[str, Any], path: PathParts, timeout: Union[float, Template, None]
    ) -> Optional[Handler]:
        """A handler that uses a workflow, which has its own folder, shells and environment."""
        for key in _NOT_BESIDE_USES:
            if key in data:
                message = "`%s` cannot stand beside `uses`" % key
                hint = "give it to the steps inside"
                self._findings.error((*path, key), "not-here", message, hint, on_key=True)
        body = self._uses.body(data, path, IN_HANDLER)
        return None if body is None else Handler(body, timeout=timeout)


_NOT_BESIDE_USES = ("env", "working_dir", "shell")
