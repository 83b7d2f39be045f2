"""A process that owns a hosted executor, to be killed: it hands attempts over and says so."""

from __future__ import annotations

import json
import os
import select
import sys
from typing import Any, Dict

from orchestra.engine.ports import Launched
from orchestra.executors.hosted import HostedExecutor
from orchestra.executors.known import Opening
from orchestra.model.errand import Errand
from orchestra.model.run import AttemptKey, Invocation


def main(order: Dict[str, Any]) -> None:
    """Submit the scripts, wait until so many run, say `ready`, go on until it is killed."""
    opening = Opening("process", "tests.executors.process_place")
    executor = HostedExecutor(
        opening,
        {"slots": order["slots"]},
        order["run_id"],
        order["folder"],
        environ=dict(os.environb),
        secrets=order["secrets"],
    )
    batch = [
        (
            AttemptKey(step, 1),
            Invocation(
                (b"sh", b"-c", script.encode()),
                {b"PATH": b"/usr/bin:/bin", b"ORCHESTRA_RUN_ID": order["run_id"].encode()},
                order["folder"],
                "%s/%s.log" % (order["folder"], step),
                errand=Errand("process"),
            ),
        )
        for step, script in order["scripts"].items()
    ]
    executor.submit(batch)
    launched = 0
    while True:
        select.select([executor.fileno()], [], [], executor.due_in())
        launched += sum(isinstance(each, Launched) for each in executor.collect())
        if launched == order["running"]:
            os.write(1, b"ready\n")
            launched += 1


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
