"""How a CI system is told where a step's output begins and ends, and what failed. Pure.

Whatever a step printed stays text: it cannot end its group or give the CI an order.
"""

from __future__ import annotations

from typing import Callable, Mapping, Optional, Protocol

from orchestra.model.screen_text import safe_line
from orchestra.model.source_place import Place

Locate = Callable[[str], Optional[Place]]
"""Tells to which line of a file a log points, None where it does not."""


class Grouping(Protocol):
    """The conventions of the place that shows the lines."""

    @property
    def quote_begin(self) -> str:
        """Stands before text that must be taken as text only; empty or whole lines."""

    @property
    def quote_end(self) -> str:
        """Ends what `quote_begin` began."""

    def line(self, text: str) -> str:
        """One line of our own, made harmless: the names and reasons in it are not ours."""

    def block(self, title: str, body: str, number: int, at: float, folded: bool) -> str:
        """A title and a step's output; `number` tells blocks apart, `at` is UTC seconds."""

    def failure(self, step: str, reason: str, log: Optional[str]) -> str:
        """Says that a step failed where the CI shows such things; empty if it has no such place.

        `log` is that of its last attempt.
        """


class NoGrouping:
    """Just lines: a pipe, a file, a CI that is not known."""

    quote_begin = ""
    quote_end = ""

    def line(self, text: str) -> str:
        """The line as it is."""
        return text + "\n"

    def block(self, title: str, body: str, number: int, at: float, folded: bool) -> str:
        """The title, then the output."""
        return self.line(title) + body

    def failure(self, step: str, reason: str, log: Optional[str]) -> str:
        """Nothing: the lines say it."""
        return ""


class GithubGrouping:
    """GitHub Actions: `::group::`, `::error::`, and commands switched off around a step's output.

    `token` switches them on again, so no step may know it; `locate` tells to which line of a file
    the log of a step points. Source: "Workflow commands for GitHub Actions"; the runner also obeys
    the older `##[command]` anywhere in a line.
    """

    def __init__(self, token: str, locate: Optional[Locate] = None) -> None:
        self._locate = locate
        self.quote_begin = "::stop-commands::%s\n" % token
        self.quote_end = "::%s::\n" % token

    def line(self, text: str) -> str:
        """The line, with what the runner would take for an order broken up."""
        harmless = text.replace("##[", "## [")
        return ("- " if harmless.lstrip().startswith("::") else "") + harmless + "\n"

    def block(self, title: str, body: str, number: int, at: float, folded: bool) -> str:
        """A folded group, or lines that stand open, for a failure is there to be seen."""
        quoted = self.quote_begin + body + self.quote_end
        if not folded:
            return self.line(title) + quoted
        return "::group::%s\n%s::endgroup::\n" % (_github_data(title), quoted)

    def failure(self, step: str, reason: str, log: Optional[str]) -> str:
        """An annotation on the page of the job, and in the file to which the log points."""
        facts = ["title=%s" % _github_property(step)]
        place = self._locate(log) if self._locate is not None and log is not None else None
        if place is not None:
            facts = ["file=%s" % _github_property(safe_line(place.file)), "line=%d" % place.line]
            facts += [] if place.column is None else ["col=%d" % place.column]
            facts.append("title=%s" % _github_property(step))
        return "::error %s::%s\n" % (",".join(facts), _github_data(reason))


class GitlabGrouping:
    """GitLab CI: collapsible sections, whose marks are the only escape sequences written.

    Source: GitLab documentation, "Custom collapsible sections".
    """

    quote_begin = ""
    quote_end = ""

    def line(self, text: str) -> str:
        """The line as it is: a mark needs an escape sequence, which no text of ours has."""
        return text + "\n"

    def block(self, title: str, body: str, number: int, at: float, folded: bool) -> str:
        """A collapsed section, or lines that stand open, for a failure is there to be seen."""
        if not folded:
            return self.line(title) + body
        begin = "\x1b[0Ksection_start:%d:orchestra_%d[collapsed=true]\r\x1b[0K" % (at, number)
        end = "\x1b[0Ksection_end:%d:orchestra_%d\r\x1b[0K\n" % (at, number)
        return begin + self.line(title) + body + end

    def failure(self, step: str, reason: str, log: Optional[str]) -> str:
        """Nothing: GitLab has no annotations."""
        return ""


def grouping_for(
    environ: Mapping[str, str], token: str, locate: Optional[Locate] = None
) -> Grouping:
    """What the variables of the CI ask for; `token` is a secret made for this run."""
    if environ.get("GITHUB_ACTIONS") == "true":
        return GithubGrouping(token, locate)
    if environ.get("GITLAB_CI") == "true":
        return GitlabGrouping()
    return NoGrouping()


def _github_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _github_property(text: str) -> str:
    return _github_data(text).replace(":", "%3A").replace(",", "%2C")
