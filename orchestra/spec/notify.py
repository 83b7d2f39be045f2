"""The entries of `notify` from data that has the right form, with what is wrong with them."""

from __future__ import annotations

import re
from typing import Any, List, Mapping, Optional, Sequence, Tuple

from orchestra.errors import PathParts
from orchestra.model.expression import Text
from orchestra.model.workflow import AlertWhen, Channel, NotifyEntry
from orchestra.spec.findings import Findings
from orchestra.spec.quantities import Quantities
from orchestra.spec.references import IN_ADDRESS, IN_NOTIFY
from orchestra.spec.texts import Texts

_CHANNELS = tuple(channel.value for channel in Channel)
_BEGIN = re.compile("https?://")
_ADDRESS = re.compile(r"https?://([^/?#\s]*@)?[^/?#\s@]+([/?#]\S*)?$")


class Notifications:
    """Reads `notify` of one workflow."""

    def __init__(self, texts: Texts, findings: Findings) -> None:
        self._texts = texts
        self._findings = findings
        self._quantities = Quantities(texts, findings)

    def entries(self, data: Sequence[Mapping[str, Any]]) -> Tuple[NotifyEntry, ...]:
        """The entries in the order of the file, less those that say not where to."""
        read = (self._entry(place, entry) for place, entry in enumerate(data))
        return tuple(entry for entry in read if entry is not None)

    def _entry(self, place: int, data: Mapping[str, Any]) -> Optional[NotifyEntry]:
        path: PathParts = ("notify", place)
        given = [channel for channel in _CHANNELS if channel in data]
        if not given:
            message = "this alert goes nowhere"
            hint = "add `url` (for apprise), `command` or `webhook`"
            self._findings.error(path, "no-channel", message, hint)
            return None
        for key in given[1:]:
            message = "an alert goes one way, and this one already has `%s`" % given[0]
            hint = "make an entry of its own for `%s`" % key
            self._findings.error((*path, key), "two-channels", message, hint, on_key=True)
        channel = Channel(given[0])
        value: Any = data[channel.value]
        words: List[Any] = value if isinstance(value, list) else [value]
        where = IN_NOTIFY if channel is Channel.COMMAND else IN_ADDRESS
        texts = tuple(
            self._texts.text(word, self._place_of(path, channel, number), where)
            for number, word in enumerate(words)
        )
        self._check_target(channel, texts[0], self._place_of(path, channel, 0))
        when = self._when(data, path)
        slow_after_s = None
        if "slow_after" in data:
            slow_after_s = self._seconds(data["slow_after"], (*path, "slow_after"))
        return NotifyEntry(
            place,
            channel,
            texts,
            when,
            self._texts.constant(data.get("name", ""), (*path, "name"), "an alert's name"),
            self._seconds(data.get("timeout", "30s"), (*path, "timeout")),
            slow_after_s,
        )

    def _place_of(self, path: PathParts, channel: Channel, number: int) -> PathParts:
        inside = (number,) if channel is Channel.COMMAND else ()
        return (*path, channel.value, *inside)

    def _check_target(self, channel: Channel, text: Text, path: PathParts) -> None:
        """Reports an address or a program that can be none, as far as it stands in the file."""
        is_whole = isinstance(text, str)
        begin = text if isinstance(text, str) else text.parts[0]
        if not isinstance(begin, str):
            return
        if channel is Channel.COMMAND:
            if is_whole and not begin:
                self._findings.error(path, "no-program", "`command` names no program")
        elif channel is Channel.WEBHOOK:
            if (_ADDRESS if is_whole else _BEGIN).match(begin):
                return
            if is_whole or "://" in begin:
                message = "a webhook is an address that begins with https:// or http://"
                is_other = "://" in begin and not _BEGIN.match(begin)
                hint = "for other ways to send an alert use `url`" if is_other else ""
                self._findings.error(path, "no-address", message, hint)
        elif is_whole and "://" not in begin:
            message = "`url` is an address for apprise, such as mailto://user:password@example.org"
            hint = "https://github.com/caronc/apprise/wiki lists them"
            self._findings.error(path, "no-address", message, hint)

    def _when(self, data: Mapping[str, Any], path: PathParts) -> Tuple[AlertWhen, ...]:
        given = data.get("when", AlertWhen.FAILURE.value)
        names = given if isinstance(given, list) else [given]
        when = tuple(AlertWhen(name) for name in dict.fromkeys(names))
        if "slow_after" in data and AlertWhen.SLOW not in when:
            message = "`slow_after` is of no use without `slow` in `when`"
            hint = "write `when: [%s, slow]`" % ", ".join(one.value for one in when)
            self._findings.error((*path, "slow_after"), "no-slow", message, hint, on_key=True)
        return when

    def _seconds(self, value: Any, path: PathParts) -> float:
        before = self._findings.count
        seconds = self._quantities.duration(value, path)
        if seconds <= 0 and self._findings.count == before:
            self._findings.error(path, "no-time", "`%s` must be more than 0" % path[-1])
        return seconds
