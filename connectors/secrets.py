"""Secrets are named in an agency's file, never written there, and never shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from schema.errors import ConfigError

#: A reference, alone or inside a value such as `Bearer env:NAME`.
REFERENCE = re.compile(r"(?<![^\s=:])(?:env:(?P<env>[A-Za-z_][A-Za-z0-9_]*)|file:(?P<file>/\S+))")

#: Turns one reference (`env:NAME` or `file:/path`) into its value; raises ConfigError.
Resolve = Callable[[str], "Secret"]


class Secret:
    """A value that is shown to nobody: `repr`, `str` and formats say `***`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself; call it only where it goes onto the wire."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not to be copied out of the process")


class Secrets:
    """Looks references up in an environment and in files. An instance is a `Resolve`.

    Args:
        environ: for instance `os.environ`.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def __call__(self, reference: str) -> Secret:
        match = REFERENCE.fullmatch(reference)
        if match is None:
            raise ConfigError("is not a secret reference", allowed=("env:NAME", "file:/path"))
        return self._from_environment(match["env"]) if match["env"] else self._from_file(Path(match["file"]))

    def _from_environment(self, name: str) -> Secret:
        value = self._environ.get(name, "").strip()
        if not value:
            raise ConfigError(f"the environment variable {name} is not set")
        return Secret(value)

    def _from_file(self, path: Path) -> Secret:
        try:
            value = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the secret file {path} can't be read ({type(error).__name__})") from None
        if not value:
            raise ConfigError(f"the secret file {path} is empty")
        return Secret(value)

    def __repr__(self) -> str:
        return "Secrets()"


def has_reference(value: str) -> bool:
    """Whether a value names a secret."""
    return REFERENCE.search(value) is not None


def fill_in(value: str, resolve: Resolve) -> Secret:
    """A value with every reference in it replaced, for instance `Bearer env:NAME`.

    Raises:
        ConfigError: a reference leads nowhere, or its value can't stand in a header.
    """
    filled = REFERENCE.sub(lambda match: resolve(match[0]).reveal(), value)
    if not filled.isprintable():
        raise ConfigError("the secret holds characters that can't be sent in a header")
    return Secret(filled)
