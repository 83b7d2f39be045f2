"""As step.sh, in Python: says in the ledger when it begins and how it ends, each with one write.

Arguments: seconds of work, how many attempts fail first, a file to write (or none).
"""

import os
import signal
import sys
import time
from pathlib import Path


def say(word, status):
    up = Path("/proc/uptime").read_text().split()[0]
    name = "%s %s" % (os.environ["ORCHESTRA_STEP"], os.environ["ORCHESTRA_ATTEMPT"])
    with open(os.environ["LEDGER"], "ab", 0) as file:
        file.write(("%s %s %d %s %s\n" % (word, name, os.getpid(), up, status)).encode())


def leave(status):
    say("end", status)
    sys.exit(status)


signal.signal(signal.SIGTERM, lambda *_: leave(143))
say("begin", "-")
seconds, fails, made = sys.argv[1:]
time.sleep(float(seconds))
if made:
    Path(made).write_text(os.environ["ORCHESTRA_STEP"] + "\n")
leave(75 if int(os.environ["ORCHESTRA_ATTEMPT"]) <= int(fails) else 0)
