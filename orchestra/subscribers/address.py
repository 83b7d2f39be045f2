"""Where an alert goes, as far as it may be shown: addresses hold passwords and tokens. Pure."""

from __future__ import annotations

import os
from typing import List, Sequence
from urllib.parse import unquote, urlsplit

from orchestra.model.screen_text import safe_line
from orchestra.model.workflow import Channel

_WITH_HOST = frozenset(
    ["http", "https", "mailto", "mailtos", "json", "jsons", "xml", "xmls", "form", "forms"]
)
_LEAST_HIDDEN = 4
_LONGEST = 100


def shown_target(channel: Channel, words: Sequence[str]) -> str:
    """`hooks.example.org`, `mailto://example.org`, `page.sh`: enough to tell it from others.

    Of an address only the host is shown, and of those for apprise, which often have a token in its
    place (`slack://TOKEN/…`), only the scheme.
    """
    if channel is Channel.COMMAND:
        target = os.path.basename(words[0]) if words else ""
    else:
        target = _shown_address(channel, words[0])
    return safe_line(target)[:_LONGEST] or "nobody"


def hidden_parts(channel: Channel, words: Sequence[str], values: Sequence[str]) -> List[str]:
    """What must not be seen in a message about sending, the longest first.

    `values` are those that expressions gave.
    """
    parts = set(values)
    if channel is not Channel.COMMAND:
        parts.update(_address_parts(words[0]))
    parts.update([unquote(part) for part in parts])
    return sorted((part for part in parts if len(part) >= _LEAST_HIDDEN), key=len, reverse=True)


def hide(text: str, parts: Sequence[str]) -> str:
    """The text with each of the parts as `***`."""
    for part in parts:
        text = text.replace(part, "***")
    return text


def _shown_address(channel: Channel, address: str) -> str:
    scheme, separator, rest = address.partition("://")
    if not separator:
        return ""
    if scheme.lower() not in _WITH_HOST:
        return scheme + "://"
    place = rest.partition("/")[0].partition("?")[0].partition("#")[0].rpartition("@")[2]
    return place if channel is Channel.WEBHOOK else "%s://%s" % (scheme, place)


def _address_parts(address: str) -> List[str]:
    rest = address.partition("://")[2]
    try:
        parts = urlsplit(address)
    except ValueError:
        return [address, rest]
    found = [address, rest, parts.path, parts.query, parts.fragment]
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    found += [user, password, *parts.path.split("/")]
    found += [pair.partition("=")[2] for pair in parts.query.split("&")]
    if parts.scheme.lower() not in _WITH_HOST:
        found.append(parts.netloc)
    return found
