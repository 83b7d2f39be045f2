"""Servers on loopback that take alerts: what was posted to them, what was mailed."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Dict, Iterator, List, NamedTuple

from aiosmtpd.controller import Controller


class Posted(NamedTuple):
    """One request."""

    path: str
    headers: Dict[str, str]
    body: Any


class WebServer:
    """Answers each request with the next of `answers`, the last one for ever."""

    def __init__(self, answers: List[int]) -> None:
        self.posted: List[Posted] = []
        self.answers = answers

        class Handler(BaseHTTPRequestHandler):
            def do_POST(handler) -> None:  # noqa: N805  # `self` is the server
                data = handler.rfile.read(int(handler.headers["Content-Length"]))
                self.posted.append(Posted(handler.path, dict(handler.headers), json.loads(data)))
                code = self.answers[min(len(self.posted), len(self.answers)) - 1]
                handler.send_response(code)
                handler.send_header("Location", "file:///etc/passwd")
                handler.send_header("Content-Length", "0")
                handler.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nothing: the test asks for what was posted."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.place = "127.0.0.1:%d" % self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> WebServer:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class MailServer:
    """A real SMTP server."""

    def __init__(self) -> None:
        self.mails: List[Message] = []
        self._controller = Controller(self, hostname="127.0.0.1", port=free_port())
        self.place = "127.0.0.1:%d" % self._controller.port

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content))
        return "250 taken"

    def __enter__(self) -> MailServer:
        self._controller.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._controller.stop()


@contextlib.contextmanager
def silent_server() -> Iterator[str]:
    """The place of a server that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        yield "127.0.0.1:%d" % listener.getsockname()[1]


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
