"""Leaves a daemon behind: two forks, its own session. Arguments: a file for its pid, a manner.

`talking` keeps the step's output, `silent` closes it, `nameless` also wipes its environment,
`noisy` writes without end. With a second file the step itself waits until that exists, and ends
with 0 if the daemon is alive then.
"""

import os
import sys
import time

pid_file, manner = sys.argv[1:3]
if os.fork() == 0:
    os.setsid()
    if os.fork() != 0:
        os._exit(0)
    if manner != "talking" and manner != "noisy":
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(null, descriptor)
    with open(pid_file + ".part", "w") as file:
        file.write(str(os.getpid()))
    os.rename(pid_file + ".part", pid_file)
    if manner == "noisy":
        while True:
            os.write(1, b"noise " * 1000)
    environ = {} if manner == "nameless" else os.environ
    os.execve("/bin/sleep", ["sleep", "1000"], environ)

while not os.path.exists(pid_file):
    time.sleep(0.005)
os.write(1, b"left one\n")
if len(sys.argv) > 3:
    while not os.path.exists(sys.argv[3]):
        time.sleep(0.01)
    with open(pid_file) as file:
        os.kill(int(file.read()), 0)
