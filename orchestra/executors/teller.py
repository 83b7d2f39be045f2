"""How the helper of an engine tells its news, and that it lives. Decides nothing."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Any, List, Optional

from orchestra.executors.frames import packed, text_of

_HELD_BYTES = 1 << 18


class Teller:
    """Gathers news, which are lists: a word, a name, what there is to it; sends them together.

    From `begin` until nothing is left to do a thread of its own says every `beat_s` seconds that
    this process lives: for how long it has been at what it does (since `step`), and whether its
    engine is `silent`.
    """

    def __init__(self, link: socket.socket, beat_s: float) -> None:
        self.silent = False
        self._link = link
        self._beat_s = beat_s
        self._news: List[List[Any]] = []
        self._held_bytes = 0
        self._sending = threading.Lock()
        self._works = threading.Event()
        self._step_at: Optional[float] = None
        self._thread: Optional[threading.Thread] = None

    def tell(self, *news: Any) -> None:
        """Have it sent with what else there is."""
        self._news.append(list(news))

    def show(self, name: str, block: bytes) -> None:
        """Have output of an attempt sent, at once if there is much."""
        self.tell("output", name, text_of(block))
        self._held_bytes += len(block)
        if self._held_bytes > _HELD_BYTES:
            self.send()

    def send(self) -> None:
        """Send all that there is.

        Raises:
            OSError: nobody listens any more.
        """
        if self._news:
            news, self._news = self._news, []
            self._held_bytes = 0
            with self._sending:
                self._link.sendall(packed({"news": news}))

    def begin(self) -> None:
        """There is work: say from now on that this process lives."""
        self.step()
        if self._thread is None:
            self._thread = threading.Thread(target=self._beat, daemon=True)
            self._thread.start()
        self._works.set()

    def step(self) -> None:
        """Something has been done, and the next thing begins."""
        self._step_at = time.monotonic()

    def idle(self, has_work: bool) -> None:
        """Nothing is being done: what there is to do is not due."""
        self._step_at = None
        if not has_work:
            self._works.clear()

    def _beat(self) -> None:
        with contextlib.suppress(OSError):  # nobody listens any more, and this process will end
            while self._works.wait():
                step_at = self._step_at
                busy_s = 0.0 if step_at is None else time.monotonic() - step_at
                beat = packed({"news": [["alive", busy_s, self.silent]]})
                with self._sending:
                    self._link.sendall(beat)
                time.sleep(self._beat_s)
