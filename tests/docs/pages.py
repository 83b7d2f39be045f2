"""Plays a guide from top to bottom, in one folder, as its reader would.

`<!-- file: NAME -->` before a YAML or text block: the reader saves it. Each line of a `sh` block is
typed; it ends with exit code 0, or with N after `# exit N`. A `text` block after `<!-- shows -->`
is what the last command printed; after `<!-- ends -->` it is how the steps of the last run ended,
`ID: STATE, REASON`. A YAML block after `<!-- bad: CODE -->` has that lint and no other, one after
`<!-- good: CODE -->` has none; one after `<!-- ci: NAME -->` is a file of another program. `RUN` on
the page stands for a run's id, and any number of seconds for any other. No block goes untried.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Tuple

from orchestra.lints.catalogue import LINTS
from tests.cli.commandline import RUN_ID, SECONDS, CommandLine, Result

_BLOCK = re.compile(
    r"(?:<!-- (\w+)(?:: (\S+))? -->\n)?```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE
)
_EXIT = re.compile(r"# exit (\d+)")


class Seen(NamedTuple):
    """Something that the page says, and what came of it; both are equal on a true page."""

    said: Any
    found: Any


class Reader:
    """Does what a page says; `seen` is what it compared."""

    def __init__(self, cli: CommandLine) -> None:
        self.seen: List[Seen] = []
        self._cli = cli
        self._last = Result(0, "", "")
        self._ways: Mapping[Tuple[str, str], Callable[[str, str], None]] = {
            ("file", "yaml"): self._save,
            ("file", "text"): self._save,
            ("bad", "yaml"): self._lint_bad,
            ("good", "yaml"): self._lint_good,
            ("ci", "yaml"): self._keep,
            ("", "sh"): self._type,
            ("shows", "text"): self._read_output,
            ("ends", "text"): self._read_ends,
        }

    def read(self, page: str) -> None:
        """Every block of the page, in order.

        Raises:
            KeyError: a block is of no kind that can be tried.
        """
        for comment, name, language, text in _BLOCK.findall(page):
            self._ways[comment, language](name, text)

    def _save(self, name: str, text: str) -> None:
        self._cli.file(name, text)
        if "steps:" in text and not name.endswith(".test.yaml"):
            result = self._cli.run("validate", name)
            self.seen.append(Seen((name, 0, ""), (name, result.code, result.err)))

    def _keep(self, name: str, text: str) -> None:
        self._cli.file(name, text)

    def _lint_bad(self, code: str, text: str) -> None:
        self.seen.append(Seen((code, [code]), (code, self._lints(code, text))))

    def _lint_good(self, code: str, text: str) -> None:
        self.seen.append(Seen((code, []), (code, self._lints(code, text))))

    def _lints(self, code: str, text: str) -> List[str]:
        """The codes of all that a workflow is warned of; on CI for a lint of that place."""
        on_ci = ["--ci"] if any(lint.code == code and lint.in_ci for lint in LINTS) else []
        result = self._cli.file("linted.yaml", text).run(
            "validate", "linted.yaml", "--format", "json", *on_ci
        )
        return [fault["code"] for fault in json.loads(result.out)]

    def _type(self, _: str, text: str) -> None:
        for line in text.splitlines():
            words = shlex.split(line, comments=True)
            start = words.index("orchestra")
            variables: Dict[str, str] = dict(word.split("=", 1) for word in words[:start])
            given = dict(self._cli.environ)
            self._cli.environ.update(variables)
            self._last = self._cli.run(*words[start + 1 :])
            self._cli.environ = given
            code = _EXIT.search(line)
            said = (line, int(code.group(1)) if code else 0)
            self.seen.append(Seen(said, (line, self._last.code)))

    def _read_output(self, _: str, text: str) -> None:
        self.seen.append(Seen(_timeless(text), _timeless(self._last.out)))

    def _read_ends(self, _: str, text: str) -> None:
        record = json.loads(self._cli.run("show", "--format", "json").out)
        ends = [_timeless("%(id)s: %(state)s, %(reason)s" % step) for step in record["steps"]]
        said = _timeless(text).splitlines()
        self.seen.append(Seen(sorted(said), sorted(ends)))


def _timeless(text: str) -> str:
    """The text without what is another one in each run."""
    return SECONDS.sub("TIME", RUN_ID.sub("RUN", text))
