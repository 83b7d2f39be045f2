"""Hands alerts to processes that send them, and takes in how they went. Never raises for an alert.

Nothing secret is written down or shown: what is to be sent goes in the environment of the process.
"""

from __future__ import annotations

import json
import os
from typing import Callable, Dict, List, Mapping, NamedTuple, Tuple

from orchestra.cli.kept import Kept
from orchestra.cli.sender import sender_argv, sender_variables, why_unsent
from orchestra.engine.ports import Ended
from orchestra.engine.scope import Scopes
from orchestra.executors.companions import INTERRUPTED, Companions
from orchestra.model.events import AlertSent
from orchestra.model.expression import ExpressionError, Scope, Text, fill, to_text
from orchestra.model.run import AttemptKey, Invocation
from orchestra.model.screen_text import safe_line
from orchestra.model.workflow import AlertWhen, Channel, NotifyEntry, Step
from orchestra.reports.alert import Alert
from orchestra.steps.environment import encode
from orchestra.subscribers.address import hidden_parts, shown_target
from orchestra.subscribers.delivery import BODY, ORDER, Delivery

_ARGV = sender_argv("orchestra.subscribers.delivery")


class Origin(NamedTuple):
    """The run that alerts are about: its expressions, the environment, where commands run."""

    run_id: str
    folder: str
    scopes: Scopes
    environ: Mapping[str, str]
    kept: Kept = Kept()


OnSent = Callable[[AlertSent, bool], None]
"""Is told what has become of an alert, and whether it was given up because somebody stopped it."""


class Outbox:
    """Sends alerts beside a run; `folder` is private and there until it is over."""

    def __init__(self, companions: Companions, folder: str) -> None:
        self._companions = companions
        self._folder = folder
        self._count = 0

    def send(
        self, origin: Origin, entry: NotifyEntry, when: AlertWhen, alert: Alert, on_sent: OnSent
    ) -> None:
        """Begin to send; `on_sent` is told, once, what has become of it."""
        self._count += 1
        key = AttemptKey("notify:%d" % self._count, 1)
        result = "%s/notify-%d" % (self._folder, self._count)
        try:
            words, values = fill_words(entry, origin.scopes)
            hidden = hidden_parts(entry.channel, words, [*values, *origin.kept.values])
            delivery = Delivery(entry.channel.value, words, entry.timeout_s, result, hidden)
            env = _environment(origin, key, delivery, alert)
        except (ExpressionError, ValueError) as fault:
            about = (label(entry), when.value, entry.channel.value)
            on_sent(AlertSent(*about, False, origin.kept.masked(str(fault))), False)
            return
        target = shown_target(entry.channel, words)

        def ended(end: Ended, killed: str) -> None:
            message = origin.kept.masked(why_unsent(end, killed, result, entry.timeout_s))
            sent = AlertSent(label(entry), when.value, target, not message, message)
            on_sent(sent, killed == INTERRUPTED)

        invocation = Invocation(_ARGV, env, origin.folder, result + ".log")
        self._companions.start(key, invocation, entry.timeout_s, ended)


def label(entry: NotifyEntry) -> str:
    """What an entry is called in the record of a run."""
    return entry.name or "notify[%d]" % entry.place


def sent_line(sent: AlertSent, run_id: str = "") -> str:
    """What to say of an alert that is over with, of another run where `run_id` names one."""
    about = " about run %s" % run_id if run_id else ""
    how = "sent" if sent.ok else "could not be sent: %s" % sent.message
    return safe_line("alert%s to %s %s" % (about, sent.target, how))


def fill_words(entry: NotifyEntry, scopes: Scopes) -> Tuple[List[str], List[str]]:
    """The words of an entry, and those values in them that expressions gave.

    A word of a command that is one expression and gives a list stands for as many words.

    Raises:
        ExpressionError: one cannot be evaluated, is null, or is no whole address.
    """
    is_command = entry.channel is Channel.COMMAND
    # the words of a command can be seen by all users of a machine
    scope = scopes.early_scope(_STEP) if is_command else scopes.address_scope(_STEP)
    words: List[str] = []
    values: List[str] = []
    for text in entry.words:
        try:
            filled = _fill(text, scope, is_command)
        except ExpressionError as fault:
            raise fault.within(entry.channel.value) from None
        words += filled
        if not isinstance(text, str):
            values += filled
    if not words or not words[0]:
        raise ExpressionError("%s is empty" % entry.channel.value)
    return words, values


# What an alert sees of the environment is what it gets: all that orchestra has, and the root's.
_STEP = Step("notify", 0, inherit_env=True)


def _fill(text: Text, scope: Scope, may_be_list: bool) -> List[str]:
    if isinstance(text, str):
        return [text]
    value = fill(text, scope)
    if isinstance(value, (list, tuple)) and may_be_list:
        return [to_text(one) for one in value]
    return [to_text(value)]


def _environment(
    origin: Origin, key: AttemptKey, delivery: Delivery, alert: Alert
) -> Dict[bytes, bytes]:
    own = {
        **sender_variables(origin.run_id, key),
        ORDER: json.dumps(delivery),
        BODY: json.dumps(alert.data, ensure_ascii=False),
    }
    env = {os.fsencode(name): os.fsencode(value) for name, value in origin.environ.items()}
    for name, value in {**origin.scopes.env(_STEP), **own}.items():
        env[name.encode()] = encode(value, "env " + name)
    return env
