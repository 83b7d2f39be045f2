"""Each generation leaves the next in a session of its own and ends, 200 times a second."""

import os
import signal
import time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.write(1, b"ready\n")
if os.fork() == 0:
    while True:
        os.setsid()
        os.write(1, b"more\n")
        if os.fork() != 0:
            time.sleep(0.005)
            os._exit(0)
time.sleep(1000)
