"""Ids by id, in little memory."""

from __future__ import annotations

from collections.abc import Collection


class Groups:
    """Which ids belong to an id. Most groups are of one, and a set would take six times what that takes."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: dict[str, str | set[str]] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._held

    def __len__(self) -> int:
        return len(self._held)

    def of(self, key: str) -> Collection[str]:
        """Give those that belong to an id, in no order."""
        held = self._held.get(key, ())
        return (held,) if isinstance(held, str) else held

    def add(self, key: str, member: str) -> None:
        """Let one belong to an id."""
        held = self._held.setdefault(key, member)
        if isinstance(held, set):
            held.add(member)
        elif held != member:
            self._held[key] = {held, member}

    def discard(self, key: str, member: str) -> None:
        """Let one belong to an id no more, if it does."""
        held = self._held.get(key)
        if isinstance(held, set):
            held.discard(member)
            if len(held) == 1:
                self._held[key] = held.pop()
        elif held == member:
            del self._held[key]

    def drop(self, key: str) -> None:
        """Let none belong to an id."""
        self._held.pop(key, None)
