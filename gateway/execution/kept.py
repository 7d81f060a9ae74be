"""JSON of records that many answers show again: agencies, categories, regions."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import orjson

from gateway.execution.run import Run

#: Bytes of JSON that are kept in all; then everything is let go of and written anew.
_MOST = 4_000_000
#: A kept piece costs this beside its bytes.
_OVERHEAD = 200

Project = Callable[[Any, Run], Any]


class _Pieces(dict[int, tuple[Any, orjson.Fragment]]):
    """By identity of the record, which is held so that its identity is not given to another."""

    __slots__ = ("__weakref__",)


class Kept:
    """Keeps JSON of records by identity, over all plans, bounded in bytes."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._size = 0
        self._all: weakref.WeakValueDictionary[int, _Pieces] = weakref.WeakValueDictionary()

    def keeping(self, project: Project) -> Project:
        """The same function, that remembers. What it shows may depend on the record alone."""
        pieces = _Pieces()
        self._all[id(pieces)] = pieces

        def shown(record: Any, run: Run) -> Any:
            found = pieces.get(id(record))
            if found is not None:
                return found[1]
            text = orjson.dumps(project(record, run))
            self._count(len(text))
            piece = orjson.Fragment(text)
            pieces[id(record)] = record, piece
            return piece

        return shown

    def _count(self, size: int) -> None:
        self._size += size + _OVERHEAD
        if self._size > self._most:
            for pieces in self._all.values():
                pieces.clear()
            self._size = size
