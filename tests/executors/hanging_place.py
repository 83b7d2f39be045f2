"""A place of processes that hangs while there is a file `hang` where it works."""

from __future__ import annotations

import os
import time
from typing import List, Mapping

from orchestra.executors.places import News
from orchestra.model.expression import Value
from tests.executors.process_place import ProcessPlace

_NAP_S = 0.02


class HangingPlace(ProcessPlace):
    """It goes on where it was once the file is gone."""

    def __init__(self, slots: int, file: str) -> None:
        super().__init__(slots)
        self._file = file

    def poll(self) -> List[News]:
        """What is new, if it ever comes to that."""
        while os.path.exists(self._file):
            time.sleep(_NAP_S)
        return super().poll()


def open_place(settings: Mapping[str, Value], run_id: str) -> HangingPlace:
    """The place, which looks for the file that the settings name."""
    return HangingPlace(4, str(settings["file"]))
