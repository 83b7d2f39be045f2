"""Sends one alert, as a process of its own, so that nothing that happens here can harm a run.

Reads what to send from its environment, and says how it went in a file. The process is killed when
its time is over; within it whatever a library likes to do (threads, children, waiting) is fine.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from typing import IO, Any, Dict, MutableMapping, NamedTuple, Sequence
from urllib.parse import unquote, urlsplit, urlunsplit

from orchestra.model.screen_text import safe_line
from orchestra.subscribers.address import hide
from orchestra.subscribers.first_warning import FirstWarning

ORDER = "ORCHESTRA_ALERT_ORDER"
"""The variable that holds a `Delivery` as JSON."""

BODY = "ORCHESTRA_ALERT_BODY"
"""The variable that holds the alert as JSON."""

MISSING_APPRISE = "apprise is not installed; install orchestra[notify]"

_PAUSES_S = (0.5, 1.0)
_LONGEST_MESSAGE = 300
_MOST_SAID = 4096
_BLOCKS_AT_END = 32  # more than a pipe holds
_LONGEST_TITLE = 1000


class Delivery(NamedTuple):
    """What to send where; `result` is the file for how it went, `hidden` is for nobody to see."""

    channel: str
    words: Sequence[str]
    timeout_s: float
    result: str
    hidden: Sequence[str]


class UndeliveredError(Exception):
    """The alert could not be sent; the text says why."""


def run(environ: MutableMapping[str, str]) -> None:
    """Send what the environment says. Never raises for what goes wrong with that."""
    delivery = Delivery(*json.loads(environ.pop(ORDER)))
    body = environ.pop(BODY)
    message = ""
    try:
        deliver(delivery, body, environ)
    except UndeliveredError as fault:
        message = str(fault)
    except Exception as fault:  # whatever a library raises, the alert was not sent
        message = "%s: %s" % (type(fault).__name__, fault)
    message = safe_line(hide(message, delivery.hidden))[:_LONGEST_MESSAGE]
    with contextlib.suppress(OSError), open(delivery.result, "w", encoding="utf-8") as file:
        json.dump({"ok": not message, "message": message}, file)


def deliver(delivery: Delivery, body: str, environ: MutableMapping[str, str]) -> None:
    """Send it.

    Raises:
        UndeliveredError: it was not taken.
    """
    alert = json.loads(body)
    if delivery.channel == "webhook":
        post(delivery.words[0], body, time.monotonic() + delivery.timeout_s)
    elif delivery.channel == "command":
        environ["ORCHESTRA_ALERT_TITLE"] = alert["title"][:_LONGEST_TITLE]
        environ["ORCHESTRA_ALERT_TEXT"] = alert["text"]
        run_command(delivery.words, body, environ)
    else:
        send_by_apprise(delivery.words[0], alert)


def post(address: str, body: str, deadline: float) -> None:
    """Post JSON; where nobody listens, or the server has a fault, twice more.

    Raises:
        UndeliveredError: no answer from 200 to 299.
    """
    for pause in (*_PAUSES_S, None):
        try:
            _post_once(address, body, max(0.1, deadline - time.monotonic()))
            return
        except urllib.error.HTTPError as fault:
            fault.close()
            problem = "the server answered %d %s" % (fault.code, fault.reason)
            if 300 <= fault.code < 400:
                problem += ", a redirection, which is not followed"
            if fault.code < 500:
                raise UndeliveredError(problem) from fault
        except (OSError, ValueError) as fault:
            reason = getattr(fault, "reason", fault)
            if isinstance(reason, socket.timeout):
                raise UndeliveredError("no answer in time") from fault
            problem = getattr(reason, "strerror", None) or str(reason)
            if not isinstance(reason, ConnectionRefusedError):
                raise UndeliveredError(problem) from fault
        if pause is None or time.monotonic() + pause >= deadline:
            break
        time.sleep(pause)
    raise UndeliveredError(problem)


def _post_once(address: str, body: str, timeout_s: float) -> None:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("a webhook is an address that begins with https:// or http://")
    user, at, place = parts.netloc.rpartition("@")
    headers = {"Content-Type": "application/json", "User-Agent": "orchestra"}
    if at:
        token = base64.b64encode(unquote(user).encode("utf-8")).decode("ascii")
        headers["Authorization"] = "Basic " + token
    plain = urlunsplit(parts._replace(netloc=place, fragment=""))
    request = urllib.request.Request(plain, body.encode("utf-8"), headers)
    opener = urllib.request.OpenerDirector()
    for handler in (  # and none that reads files or follows redirections
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    answer = opener.open(request, timeout=timeout_s)
    if answer is not None:
        answer.close()


def run_command(words: Sequence[str], body: str, environ: MutableMapping[str, str]) -> None:
    """Run a program that is handed the alert.

    Raises:
        UndeliveredError: it cannot be started, or ended with another code than 0.
    """
    try:
        process = subprocess.Popen(
            list(words),
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
    except (OSError, ValueError) as fault:
        raise UndeliveredError("%s: %s" % (words[0], getattr(fault, "strerror", fault))) from fault
    assert process.stdin is not None
    assert process.stderr is not None
    ended, other = os.pipe()
    # A program need not read, and what it leaves behind may keep its streams open.
    threading.Thread(target=_write, args=(process.stdin, body), daemon=True).start()
    threading.Thread(target=_close_at_end, args=(process, other), daemon=True).start()
    with process.stderr:
        said = _hear(process.stderr.fileno(), ended)
    code = process.wait()
    os.close(ended)
    if code:
        lines = said.decode("utf-8", "backslashreplace").strip().splitlines()
        end = "signal %d" % -code if code < 0 else "exit code %d" % code
        raise UndeliveredError(": ".join([end, *lines[-1:]]))


def _write(stream: IO[bytes], body: str) -> None:
    with contextlib.suppress(OSError), stream:
        stream.write(body.encode("utf-8") + b"\n")


def _close_at_end(process: subprocess.Popen[bytes], descriptor: int) -> None:
    process.wait()
    os.close(descriptor)


def _hear(stream: int, ended: int) -> bytes:
    """The end of what a program says until it has ended, which is when `ended` is readable.

    All that it said is in the pipe by then, behind which others may go on writing for ever.
    """
    kept = b""
    blocks = _BLOCKS_AT_END
    while blocks:
        ready, _, _ = select.select([stream, ended], [], [])
        block = os.read(stream, _MOST_SAID) if stream in ready else b""
        if not block:
            return kept
        kept = (kept + block)[-_MOST_SAID:]
        blocks -= ended in ready
    return kept


def send_by_apprise(address: str, alert: Dict[str, Any]) -> None:
    """Send by apprise, which is imported here and nowhere else.

    Raises:
        UndeliveredError: apprise is not installed, does not know the address, or could not send.
    """
    try:
        import apprise
    except ImportError as fault:
        raise UndeliveredError(MISSING_APPRISE) from fault
    said = FirstWarning("apprise")
    sender = apprise.Apprise()
    if not sender.add(address):
        raise UndeliveredError(said.text or "apprise does not know this kind of address")
    kind = {"failure": "FAILURE", "slow": "WARNING"}.get(alert["when"], "SUCCESS")
    if not sender.notify(
        title=alert["title"],
        body=alert["text"],
        notify_type=getattr(apprise.NotifyType, kind),
        body_format="text",
    ):
        raise UndeliveredError(said.text or "apprise could not send it")
