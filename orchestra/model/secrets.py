"""The values of secrets while a run needs them. Never shown, not even by `repr`."""

from __future__ import annotations

from typing import Iterator, Mapping


class Secrets(Mapping[str, str]):
    """The values of the secrets of a run by their names; as text it shows nothing of them."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return "<Secrets>"
