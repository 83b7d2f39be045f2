"""Reads the timeline of the trainings and fails if two of them ever held the same device."""

import json
import os
import sys

holder_by_device = {}
seen = set()
trainings = most = 0
with open(sys.argv[1]) as timeline:
    for line in timeline:
        word, step, devices = line.split()
        for device in devices.split(","):
            if word == "begin":
                if device in holder_by_device:
                    sys.exit(f"{step} and {holder_by_device[device]} both hold device {device}")
                holder_by_device[device] = step
                seen.add(int(device))
            else:
                del holder_by_device[device]
        trainings += word == "begin"
        most = max(most, len(set(holder_by_device.values())))

with open(os.environ["ORCHESTRA_OUTPUT"], "a") as outputs:
    outputs.write(f"trainings={trainings}\n")
    outputs.write(f"devices={json.dumps(sorted(seen))}\n")
    outputs.write(f"most_at_once={most}\n")
