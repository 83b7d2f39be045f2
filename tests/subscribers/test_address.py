"""Addresses of alerts: what is shown of them, and what is hidden in what others say."""

from __future__ import annotations

import pytest

from orchestra.model.workflow import Channel
from orchestra.subscribers.address import hidden_parts, hide, shown_target


@pytest.mark.parametrize(
    ("channel", "words", "shown"),
    [
        (Channel.WEBHOOK, ["https://hooks.example.org/T0/B1/tok?key=tok#x"], "hooks.example.org"),
        (Channel.WEBHOOK, ["http://ann:pass@127.0.0.1:8080/"], "127.0.0.1:8080"),
        (Channel.WEBHOOK, ["http://host?tok"], "host"),
        (Channel.WEBHOOK, ["http://a@b@host/"], "host"),
        (Channel.WEBHOOK, ["tok"], "nobody"),
        (Channel.URL, ["mailto://ann:pass@example.org?to=x@y"], "mailto://example.org"),
        (Channel.URL, ["slack://TokenA/TokenB/TokenC"], "slack://"),
        (Channel.URL, ["tgram://123:bot-token/chat"], "tgram://"),
        (Channel.COMMAND, ["./bin/page.sh", "tok"], "page.sh"),
        (Channel.WEBHOOK, ["http://ho\x1bst/"], "ho\\est"),
    ],
)
def test_what_is_shown_of_an_address_holds_no_secret(channel, words, shown):
    assert shown_target(channel, words) == shown


@pytest.mark.parametrize(
    ("channel", "words", "values", "said"),
    [
        (
            Channel.URL,
            ["mailto://ann:p%40ssword@example.org?to=boss@example.org"],
            [],
            "user ann, p@ssword and p%40ssword refused by example.org for boss@example.org",
        ),
        (Channel.URL, ["slack://TokenA/TokenB"], [], "no TokenA, TokenB"),
        (Channel.WEBHOOK, ["http://h/path/token?key=secret"], [], "http://h/path/token?key=secret"),
        (Channel.COMMAND, ["page", "token"], ["token"], "page: bad token"),
    ],
)
def test_messages_hide_what_the_address_and_expressions_hold(channel, words, values, said):
    hidden = hide(said, hidden_parts(channel, words, values))
    assert hidden in {
        "user ann, *** and *** refused by example.org for ***",
        "no ***, ***",
        "***",
        "page: bad ***",
    }
