"""Leaves a daemon: two forks, its own session, it keeps the output and ignores TERM."""

import os
import signal
import sys
import time

if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() != 0:
        os._exit(0)
    open(os.environ["READY"], "w").close()
    os.execvp("sleep", ["sleep", "1000"])
while not os.path.exists(os.environ["READY"]):
    time.sleep(0.005)
while sys.argv[1] != "end":
    time.sleep(0.05)
