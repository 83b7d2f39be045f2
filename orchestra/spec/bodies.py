"""What a step runs: `run`, `command` or `python`, read into a body."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Tuple

from orchestra.errors import PathParts
from orchestra.model.expression import Text
from orchestra.model.run import LONGEST_STRING_BYTES
from orchestra.model.workflow import (
    Body,
    Command,
    PythonCall,
    PythonCode,
    PythonFile,
    PythonModule,
    Shell,
    ShellScript,
    Slot,
)
from orchestra.spec.findings import Findings
from orchestra.spec.places import Places
from orchestra.spec.references import IN_STEP, Where, with_secrets
from orchestra.spec.shellscan import scan
from orchestra.spec.texts import OPEN, Texts

LONGEST_SCRIPT = 2**18
"""Characters of a script that is searched for the places of its values."""

BODY_KEYS = ("run", "command", "python", "steps", "uses")
_PYTHON_KINDS = ("file", "module", "call")


class Bodies:
    """Reads the bodies of steps, or of what stands `where`, and reports what is wrong with them."""

    def __init__(
        self, texts: Texts, places: Places, findings: Findings, where: Where = IN_STEP
    ) -> None:
        self._texts = texts
        self._places = places
        self._findings = findings
        self._where = where
        self._in_script = with_secrets(where)
        self._preload: Tuple[str, ...] = ()

    def read_defaults(self, data: Mapping[str, Any]) -> None:
        """Takes what Python bodies have that do not say otherwise; `data` is `defaults.python`."""
        self._preload = tuple(data.get("preload", ()))

    def body(self, step: Mapping[str, Any], path: PathParts, shell: Shell) -> Optional[Body]:
        """What the step runs; more than one body is a fault.

        None for a gate, and for a step with others in it, which are not read here.
        """
        given = [key for key in BODY_KEYS if key in step]
        for key in given[1:]:
            message = "a step has one body, and `%s` already has `%s`" % (path[-1], given[0])
            hint = "make a step of its own for `%s`" % key
            self._findings.error((*path, key), "two-bodies", message, hint, on_key=True)
        if not given:
            return None
        value, path = step[given[0]], (*path, given[0])
        if given[0] == "run":
            return self._script(value, path, shell)
        if given[0] in ("steps", "uses"):
            return None
        if given[0] == "command":
            return Command(self.arguments(value, path))
        if isinstance(value, str):
            return self._code(value, path)
        return self._python(value, path)

    def arguments(self, values: List[Any], path: PathParts) -> Tuple[Text, ...]:
        """Words of a command line."""
        words = [self._texts.text(v, (*path, n), self._where) for n, v in enumerate(values)]
        for number, word in enumerate(words):
            self.check_length(word, 0, (*path, number))
        return tuple(words)

    def check_length(self, text: Text, extra: int, path: PathParts) -> None:
        """Reports a constant that no process can be handed; `extra` counts bytes beside it."""
        if not isinstance(text, str) or len(text) * 4 + extra <= LONGEST_STRING_BYTES:
            return
        size = len(text.encode("utf-8", "surrogatepass")) + extra
        if size > LONGEST_STRING_BYTES:
            about = (size, LONGEST_STRING_BYTES)
            message = "this is %d bytes, and at most %d can be handed over" % about
            self._findings.error(path, "too-long", message, "put it into a file")

    def _script(self, text: str, path: PathParts, shell: Shell) -> ShellScript:
        if OPEN not in text:
            return ShellScript((text,), shell)
        if len(text) > LONGEST_SCRIPT:
            message = "a script with expressions has at most %d characters" % LONGEST_SCRIPT
            hint = "put it into a file, and hand it the values as arguments"
            self._findings.error(path, "too-long", message, hint)
            return ShellScript((text,), shell)
        result = scan(text, shell)
        for problem in result.problems:
            self._findings.add(problem._replace(path=path))
        for problem in result.warnings:
            self._findings.add(problem._replace(path=path))
        slots = [piece.expression for piece in result.pieces if isinstance(piece, Slot)]
        self._texts.check(slots, path, self._in_script)
        return ShellScript(tuple(result.pieces), shell)

    def _code(self, text: str, path: PathParts) -> PythonCode:
        if OPEN in text:
            message = "expressions are not read in Python code"
            hint = "use params[…], steps[…] or os.environ"
            self._findings.warning(path, "no-expression-here", message, hint)
        return PythonCode(text, preload=self._preload)

    def _python(self, value: Dict[str, Any], path: PathParts) -> Optional[Body]:
        kinds = [kind for kind in _PYTHON_KINDS if kind in value]
        if len(kinds) != 1:
            message = "python takes one of `file`, `module` and `call`"
            place = (*path, kinds[1]) if kinds else path
            self._findings.error(place, "python-kind", message, on_key=True)
            return None
        kind: str = kinds[0]
        args: Any = value.get("args")
        interpreter = self._constant(value, "interpreter", path)
        target = self._constant(value, kind, path) or ""
        preload = tuple(value.get("preload", self._preload))
        if interpreter is not None and value.get("preload"):
            message = "`preload` does nothing beside `interpreter`"
            self._findings.warning((*path, "preload"), "no-use", message)
        if args is not None and isinstance(args, dict) != (kind == "call"):
            words = "a mapping of names to values" if kind == "call" else "a list of text"
            message = "args for `%s` must be %s" % (kind, words)
            self._findings.error((*path, "args"), "type", message)
            return None
        if kind == "call":
            tree = self._texts.tree(args or {}, (*path, "args"), self._where)
            return PythonCall(target, tree if isinstance(tree, dict) else {}, interpreter, preload)
        words_given = self.arguments(args or [], (*path, "args"))
        if kind == "module":
            return PythonModule(target, words_given, interpreter, preload)
        if OPEN not in target:
            self._places.file(target, (*path, "file"))
        return PythonFile(target, words_given, interpreter, preload)

    def _constant(self, value: Dict[str, Any], key: str, path: PathParts) -> Optional[str]:
        if key not in value:
            return None
        return self._texts.constant(value[key], (*path, key), "`%s`" % key)
