"""Sending one alert to real servers on loopback and to programs, and what is said of failures."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any, Dict, Sequence

import pytest

from orchestra.subscribers import delivery
from orchestra.subscribers.delivery import (
    BODY,
    ORDER,
    Delivery,
    UndeliveredError,
    deliver,
    post,
    run,
)
from tests.subscribers.receivers import MailServer, WebServer, free_port, silent_server

ALERT = {"when": "failure", "title": "nightly failed", "text": "exit code 2: a\n  | é\n"}


def environment(tmp_path, channel, words, timeout_s, hidden) -> Dict[str, str]:
    order = Delivery(channel, words, timeout_s, str(tmp_path / "result"), hidden)
    return {
        "PATH": "/usr/bin:/bin",
        "FOLDER": str(tmp_path),
        ORDER: json.dumps(order),
        BODY: json.dumps(ALERT, ensure_ascii=False),
    }


def send(tmp_path, channel: str, *words: str, timeout_s: float = 20.0, hidden: Sequence[str] = ()):
    """What is left in the file for the result."""
    run(environment(tmp_path, channel, words, timeout_s, hidden))
    return json.loads((tmp_path / "result").read_text(encoding="utf-8"))


def send_by_apprise(tmp_path, address: str, *first: str):
    """The same, in a process of its own, as always: apprise is no friend of our warnings."""
    script = "import os, sys; sys.path[:] = %r; from orchestra.subscribers import delivery"
    script += "; delivery.run(os.environ)"
    subprocess.run(
        [sys.executable, "-I", "-c", script % ([*first, *filter(None, sys.path)],)],
        env=environment(tmp_path, "url", [address], 20.0, []),
        check=True,
        timeout=60,
    )
    return json.loads((tmp_path / "result").read_text(encoding="utf-8"))


def until(seconds: float) -> float:
    return time.monotonic() + seconds


def test_a_webhook_is_posted_the_alert_as_json(tmp_path):
    with WebServer([204]) as server:
        told = send(tmp_path, "webhook", "http://%s/hook/T0?key=1#x" % server.place)
    (posted,) = server.posted
    assert told == {"ok": True, "message": ""}
    assert (posted.path, posted.body) == ("/hook/T0?key=1", ALERT)
    assert posted.headers["Content-Type"] == "application/json"


def test_a_user_in_the_address_becomes_basic_authentication(tmp_path):
    with WebServer([200]) as server:
        send(tmp_path, "webhook", "http://ann:p%%40ss@%s/" % server.place)
    assert server.posted[0].headers["Authorization"] == "Basic YW5uOnBAc3M="


def test_a_fault_of_the_server_is_tried_again_twice(tmp_path):
    with WebServer([500, 503, 200]) as server:
        told = send(tmp_path, "webhook", "http://%s/" % server.place)
    assert (told["ok"], len(server.posted)) == (True, 3)


def test_after_three_faults_it_is_given_up(tmp_path):
    with WebServer([500]) as server:
        told = send(tmp_path, "webhook", "http://%s/" % server.place)
    assert told["message"] == "the server answered 500 Internal Server Error"
    assert len(server.posted) == 3


def test_no_try_begins_that_has_no_time_left(tmp_path, monkeypatch):
    monkeypatch.setattr(delivery, "_PAUSES_S", (30.0, 30.0))
    with WebServer([500]) as server:
        send(tmp_path, "webhook", "http://%s/" % server.place, timeout_s=30.0)
    assert len(server.posted) == 1


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (404, "the server answered 404 Not Found"),
        (302, "the server answered 302 Found, a redirection, which is not followed"),
        (307, "the server answered 307 Temporary Redirect, a redirection, which is not followed"),
    ],
)
def test_other_answers_are_final(tmp_path, code, message):
    with WebServer([code]) as server:
        told = send(tmp_path, "webhook", "http://%s/" % server.place)
    assert (told, len(server.posted)) == ({"ok": False, "message": message}, 1)


def test_where_nobody_listens_is_tried_three_times():
    began = time.monotonic()
    with pytest.raises(UndeliveredError, match=r"^Connection refused$"):
        post("http://127.0.0.1:%d/" % free_port(), "{}", until(20))
    assert 1.4 < time.monotonic() - began < 20


def test_a_server_that_never_answers_is_given_up_in_time():
    began = time.monotonic()
    with silent_server() as place, pytest.raises(UndeliveredError, match=r"^no answer in time$"):
        post("http://%s/" % place, "{}", until(0.5))
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "ftp://h/", "http:///x", "x", "http://["]
)
def test_only_web_addresses_are_posted_to(address):
    with pytest.raises(UndeliveredError):
        post(address, "{}", until(5))


def test_a_command_is_handed_the_alert_in_both_ways(tmp_path):
    script = 'cat > "$FOLDER/in"; cd "$FOLDER"; '
    script += 'printf %s "$ORCHESTRA_ALERT_TITLE|$ORCHESTRA_ALERT_TEXT|$1" > out'
    told = send(tmp_path, "command", "sh", "-c", script, "sh", "$(id) *")
    assert told == {"ok": True, "message": ""}
    assert json.loads((tmp_path / "in").read_text(encoding="utf-8")) == ALERT
    expected = "nightly failed|exit code 2: a\n  | é\n|$(id) *"
    assert (tmp_path / "out").read_text(encoding="utf-8") == expected


def test_a_command_does_not_see_how_it_is_sent(tmp_path):
    send(tmp_path, "command", "sh", "-c", 'env > "$FOLDER/out"', hidden=["hush-hush"])
    names = [line.partition("=")[0] for line in (tmp_path / "out").read_text().splitlines()]
    assert not {ORDER, BODY} & set(names)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sh", "-c", "echo no; echo pager >&2; echo is down >&2; exit 3"], "exit code 3: is down"),
        (["sh", "-c", "exit 4"], "exit code 4"),
        (["sh", "-c", "kill -9 $$"], "signal 9"),
        (["sh", "-c", "printf 'bad \\033[2J token' >&2; exit 1"], "exit code 1: bad \\e[2J ***"),
        (["/nowhere/page"], "/nowhere/page: No such file or directory"),
        (["a\0b"], "a\\x00b: embedded null byte"),
    ],
)
def test_a_command_that_fails_is_told_by_its_last_line(tmp_path, words, message):
    told = send(tmp_path, "command", *words, hidden=["token"])
    assert told == {"ok": False, "message": message}


def test_a_command_may_leave_its_input_unread_and_something_behind(tmp_path):
    began = time.monotonic()
    told = send(tmp_path, "command", "sh", "-c", "sleep 30 & exit 0")
    assert (told["ok"], time.monotonic() - began < 20) == (True, True)


def test_a_command_may_say_more_than_anybody_keeps(tmp_path):
    script = "i=0; while [ $i -lt 20000 ]; do echo 0123456789 >&2; i=$((i+1)); done"
    script += "; echo end >&2; exit 1"
    assert send(tmp_path, "command", "sh", "-c", script)["message"] == "exit code 1: end"


def test_mail_goes_through_apprise_to_a_real_server(tmp_path):
    with MailServer() as server:
        address = "mailto://%s?from=ci@example.org&to=ops@example.org&mode=insecure" % server.place
        told = send_by_apprise(tmp_path, address)
    (mail,) = server.mails
    assert told == {"ok": True, "message": ""}
    assert (mail["Subject"], mail["To"]) == ("nightly failed", "ops@example.org")
    plain: Any = next(part for part in mail.walk() if part.get_content_type() == "text/plain")
    assert "exit code 2: a" in plain.get_payload(decode=True).decode("utf-8")


def test_mail_that_no_server_takes_is_told(tmp_path):
    address = (
        "mailto://127.0.0.1:%d?from=a@example.org&to=b@example.org&mode=insecure" % free_port()
    )
    told = send_by_apprise(tmp_path, address)
    assert (told["ok"], "Connection error" in told["message"]) == (False, True)


def test_where_apprise_is_missing_it_is_said_what_to_install(tmp_path):
    (tmp_path / "apprise.py").write_text("raise ImportError('as if there were none')")
    told = send_by_apprise(tmp_path, "mailto://127.0.0.1:1", str(tmp_path))
    assert told == {
        "ok": False,
        "message": "apprise is not installed; install orchestra[notify]",
    }


def test_an_address_that_apprise_does_not_know_is_told(tmp_path):
    told = send_by_apprise(tmp_path, "pigeon://loft/secret")
    assert (told["ok"], "loft" in told["message"]) == (False, True)


def test_whatever_goes_wrong_is_told_in_a_line(tmp_path):
    told = send(tmp_path, "command")
    assert told == {"ok": False, "message": "IndexError: list index out of range"}


def test_an_order_is_carried_out_or_refused_loudly(tmp_path):
    with pytest.raises(UndeliveredError):
        deliver(Delivery("webhook", ["x"], 1.0, "", []), json.dumps(ALERT), {})
