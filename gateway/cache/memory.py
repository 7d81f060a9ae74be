"""Answers in memory: the least recently used go first."""

from __future__ import annotations

from collections import OrderedDict

from gateway.cache.entry import Entry


class Memory:
    """Bounded in bytes, not in entries: one page of 500 complaints weighs as much as a thousand small answers.

    Args:
        most: bytes in all. A single answer may take an eighth.
    """

    def __init__(self, most: int) -> None:
        self.bytes = 0
        self._most = most
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: bytes) -> bool:
        return key in self._entries

    def get(self, key: bytes) -> Entry | None:
        """The answer, which now is the most recently used."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, entry: Entry) -> None:
        """Keeps an answer, in place of the one that was there."""
        self.drop(entry.key)
        if entry.size > self._most // 8:
            return
        self._entries[entry.key] = entry
        self.bytes += entry.size
        self._shrink()

    def grow(self, entry: Entry, size: int) -> None:
        """The entry has grown by so many bytes; it need not be here any more."""
        if self._entries.get(entry.key) is entry:
            entry.size += size
            self.bytes += size
            self._shrink()

    def drop(self, key: bytes) -> None:
        """Forgets an answer, if it is here."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.bytes -= entry.size

    def _shrink(self) -> None:
        while self.bytes > self._most:
            _, entry = self._entries.popitem(last=False)
            self.bytes -= entry.size
