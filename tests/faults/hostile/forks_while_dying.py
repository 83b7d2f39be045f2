"""Answers TERM with children that answer it too, each in a session of its own."""

import os
import signal
import sys
import time


def multiply(number: int, frame: object) -> None:
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            break


signal.signal(signal.SIGTERM, multiply)
if sys.argv[1] == "end" and os.fork() == 0:
    sys.argv[1] = "stay"
open(os.environ["READY"], "w").close()
while sys.argv[1] != "end":
    time.sleep(0.02)
