"""Python text that is put together from a selection, compiled at once, and its constants beside it."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from types import CodeType
from typing import Any

#: Texts whose code is kept: documents that differ in their literals alone share it.
_KEPT, _LONGEST = 256, 16_384


class Source:
    """Functions that are written first and loaded later.

    Only names of ours and names that the graph's grammar lets through stand in the text; every value is a constant
    beside it, so that nothing a client sent is ever read as Python.
    """

    def __init__(self, **constants: Any) -> None:
        self._names: dict[str, Any] = dict(constants)
        self._known: dict[int, str] = {id(value): name for name, value in constants.items()}
        self._pending: list[str] = []
        self._count = 0

    def fresh(self, prefix: str) -> str:
        """A name that nothing else has."""
        self._count += 1
        return f"{prefix}{self._count}"

    def constant(self, value: Any) -> str:
        """The name of a value in the text."""
        name = self._known.get(id(value))
        if name is None:
            name = self._known[id(value)] = self.fresh("k")
            self._names[name] = value
        return name

    def function(self, parameters: str, expression: str, before: tuple[str, ...] = ()) -> str:
        """The name of a new function that returns the expression."""
        name = self.fresh("f")
        lines = "".join(f"    {line}\n" for line in before)
        self._pending.append(f"def {name}({parameters}):\n{lines}    return {expression}\n")
        return name

    def load(self, name: str) -> Callable[..., Any]:
        """The function of that name; whatever was written since the last load becomes callable."""
        if self._pending:
            text, self._pending = "".join(self._pending), []
            exec(_code(text) if len(text) <= _LONGEST else _compiled(text), self._names)  # noqa: S102 - see the class
        function: Callable[..., Any] = self._names[name]
        return function


def _compiled(text: str) -> CodeType:
    return compile(text, "<selection>", "exec", dont_inherit=True)


_code = lru_cache(maxsize=_KEPT)(_compiled)
