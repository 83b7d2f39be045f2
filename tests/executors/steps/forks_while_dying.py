"""Answers TERM with children that answer it too, each in a session of its own."""

import os
import signal
import time


def multiply(number, frame):
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            os.write(1, b"more\n")
            break


signal.signal(signal.SIGTERM, multiply)
os.write(1, b"ready\n")
while True:
    time.sleep(0.02)
