"""Each generation leaves the next in a session of its own and ends, 200 times a second."""

import os
import signal
import sys
import time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    while True:
        os.setsid()
        if os.fork() != 0:
            time.sleep(0.005)
            os._exit(0)
open(os.environ["READY"], "w").close()
while sys.argv[1] != "end":
    time.sleep(0.05)
