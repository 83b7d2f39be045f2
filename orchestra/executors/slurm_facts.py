"""What a cluster is like: asked once, when it is needed first."""

from __future__ import annotations

import re
import time
from typing import Collection, Dict, Optional, Sequence

from orchestra.executors.slurm_client import SlurmClient, SlurmRefusal, SlurmSilence
from orchestra.executors.slurm_partitions import Partition, partitions_in

_ARRAY = 1001  # where it is not said, as Slurm's own defaults
_AGE_S = 300.0
_TIME = "%Y-%m-%dT%H:%M:%S"  # local, as this process has it: they share TZ


class SlurmFacts:
    """Each raises SlurmSilence where the cluster does not say it."""

    def __init__(self, client: SlurmClient) -> None:
        self._client = client
        self._config: Optional[Dict[str, str]] = None
        self._licenses: Optional[Collection[str]] = None
        self._partitions: Optional[Sequence[Partition]] = None

    @property
    def most_in_array(self) -> int:
        """How many elements an array may have; 0 where there may be none."""
        return _number(self._configured("MaxArraySize"), _ARRAY)

    @property
    def memory_s(self) -> float:
        """For how long a job that is over is remembered."""
        return float(_number(self._configured("MinJobAge"), int(_AGE_S)))

    def boot_at(self) -> Optional[float]:
        """When the controller that answers was started, UTC seconds; None where that is not said.

        This is asked anew each time.
        """
        found = re.search(r"^BOOT_TIME += (\S+)$", self._asked("config"), re.M)
        try:
            return time.mktime(time.strptime(found.group(1), _TIME)) if found else None
        except ValueError:
            return None

    @property
    def is_accounting(self) -> bool:
        """Whether sacct knows of jobs that the controller has forgotten."""
        kind = self._configured("AccountingStorageType")
        return kind.endswith("slurmdbd")

    @property
    def licenses(self) -> Collection[str]:
        """The names of its licences."""
        if self._licenses is None:
            text = self._asked("licenses", "-o")
            self._licenses = re.findall(r"LicenseName=(\S+)", text)
        return self._licenses

    @property
    def partitions(self) -> Sequence[Partition]:
        """Its partitions."""
        if self._partitions is None:
            self._partitions = partitions_in(self._asked("partition", "-o"))
        return self._partitions

    def _configured(self, name: str) -> str:
        if self._config is None:
            text = self._asked("config")
            pairs = re.findall(r"^(\w+) += (.*)$", text, re.M)
            self._config = {key: value.strip() for key, value in pairs}
        return self._config.get(name, "")

    def _asked(self, *what: str) -> str:
        try:
            return self._client.ask("scontrol", "show", *what)
        except SlurmRefusal as refusal:
            raise SlurmSilence(str(refusal)) from None


def _number(text: str, default: int) -> int:
    found = re.match(r"\d+", text)
    return int(found.group()) if found else default
