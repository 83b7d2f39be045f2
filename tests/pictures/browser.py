"""A headless Chromium, spoken to over two pipes by its DevTools protocol: no port, no network.

Source: https://chromedevtools.github.io/devtools-protocol/, `--remote-debugging-pipe`.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from types import TracebackType
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Type

COMMAND = shutil.which("chromium") or shutil.which("google-chrome")
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
_PATIENCE_S = 120.0


class Seen(NamedTuple):
    """What a page did: what it asked for besides itself, and what its console says."""

    requests: List[str]
    complaints: List[str]


def _pipes() -> Tuple[int, int, int, int]:
    """To read from and to write to the browser, then what it reads and writes: above 9."""
    its_read, our_write = os.pipe()
    our_read, its_write = os.pipe()
    its = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, 10) for each in (its_read, its_write)]
    os.close(its_read)
    os.close(its_write)
    return our_read, our_write, its[0], its[1]


class Browser:
    """One page of one browser, which ends with the block."""

    def __enter__(self) -> Browser:
        assert COMMAND is not None
        self._profile = tempfile.mkdtemp(prefix="orchestra-browser-")
        self._from, self._to, to_read, to_write = _pipes()
        # It reads descriptor 3 and writes 4, which the shell makes of ours.
        arguments = [*OPTIONS, "--user-data-dir=" + self._profile, "about:blank"]
        script = 'exec "$0" "$@" 3<&%d 4>&%d' % (to_read, to_write)
        self._process = subprocess.Popen(
            ["bash", "-c", script, COMMAND, *arguments],
            pass_fds=(to_read, to_write),
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self._rest = b""
        self._number = 0
        self._session: Optional[str] = None
        self._seen = Seen([], [])
        self._loaded = False
        [page] = [
            target
            for target in self._ask("Target.getTargets")["targetInfos"]
            if target["type"] == "page"
        ]
        attached = {"targetId": page["targetId"], "flatten": True}
        self._session = self._ask("Target.attachToTarget", **attached)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._ask(domain + ".enable")
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        fault: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._to)
        os.close(self._from)
        shutil.rmtree(self._profile, ignore_errors=True)

    def look(
        self, width: int, dark: bool = False, medium: str = "screen", height: int = 900
    ) -> None:
        """Have the page be that many CSS pixels wide."""
        self._ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", media=medium, features=[scheme])

    def open(self, url: str) -> Seen:
        """Open a page, wait until it is loaded; what it has done so far, and does from now on."""
        for place in ("about:blank", url):  # from the same page it would only move
            self._seen = Seen([], [])
            self._loaded = False
            self._ask("Page.navigate", url=place)
            while not self._loaded:
                self._take(self._message())
        return self._seen

    def value(self, expression: str) -> Any:
        """What a JavaScript expression comes to on the page; a promise is waited for."""
        asked = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        answer = self._ask("Runtime.evaluate", **asked)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """A key of the keyboard."""
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            event = {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, **text}
            self._ask("Input.dispatchKeyEvent", **event)

    def type(self, text: str) -> None:
        """Text into what has the focus."""
        self._ask("Input.insertText", text=text)

    def picture(self, whole: bool = True) -> bytes:
        """The page as a PNG."""
        data = self._ask("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        return base64.b64decode(data)

    def _ask(self, method: str, **params: Any) -> Dict[str, Any]:
        self._number += 1
        number = self._number
        message: Dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._to, data) :]
        while True:
            answer = self._message()
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                return dict(answer["result"])
            self._take(answer)

    def _take(self, event: Dict[str, Any]) -> None:
        method, params = event.get("method"), event.get("params", {})
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Network.requestWillBeSent":
            url = params["request"]["url"]
            if url != params["documentURL"] and not url.startswith("data:"):
                self._seen.requests.append(url)
        elif method == "Runtime.exceptionThrown":
            self._seen.complaints.append(str(params["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled":
            self._seen.complaints.append(str(params["args"]))
        elif method == "Log.entryAdded":
            self._seen.complaints.append(params["entry"]["text"])

    def _message(self) -> Dict[str, Any]:
        deadline = time.monotonic() + _PATIENCE_S
        while b"\0" not in self._rest:
            readable, _, _ = select.select([self._from], [], [], deadline - time.monotonic())
            assert readable, "the browser says nothing"
            data = os.read(self._from, 1 << 16)
            assert data, "the browser has ended"
            self._rest += data
        message, self._rest = self._rest.split(b"\0", 1)
        return dict(json.loads(message))
