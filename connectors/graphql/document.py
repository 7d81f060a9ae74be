"""A GraphQL document as far as the hub has to understand it: what it does, and that it declares what it is sent."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from connectors.toml import Misfit

MAX_DOCUMENT: Final = 100_000
_FILE = re.compile(r"[\w.-]+\.graphql")
_TOKEN = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"""'  # a block string
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|#[^\n]*"
    r"|\$\w+|\w+|[{}()]"
)


def read_document(text: str, folder: Path, key: str, operation: str = "query") -> str:
    """A document from the agency's file, or from the `.graphql` file beside it that stands there by name.

    Args:
        key: of the file's table, for errors.
        operation: what it must do: `query` or `mutation`.

    Raises:
        Misfit: it can't be read, or does something else.
    """
    if _FILE.fullmatch(text.strip()):
        try:
            text = (folder / text.strip()).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Misfit(f"the file beside this one can't be read ({type(error).__name__})", key) from None
    _check(text, key, operation)
    return text


def check_variables(text: str, names: Iterable[str], key: str) -> None:
    """Checks that a document knows the variables that it will be sent.

    Raises:
        Misfit: it doesn't declare one.
    """
    declared = {token[1:] for token in _tokens(text) if token.startswith("$")}
    for name in names:
        if name not in declared:
            raise Misfit(f"does not declare ${name}", key, tuple(f"${known}" for known in sorted(declared)))


def _check(text: str, key: str, operation: str) -> None:
    if len(text) > MAX_DOCUMENT:
        raise Misfit(f"is longer than {MAX_DOCUMENT:,} characters", key)
    depth, operations = 0, []
    definition = ""
    for part in _tokens(text):
        if part in "{(":
            if part == "{" and depth == 0:
                operations += [definition] if definition != "fragment" else []
                definition = ""
            depth += 1
        elif part in "})":
            depth -= 1
        elif depth == 0 and not definition:
            definition = part
        if depth < 0:
            break
    if depth or definition:
        raise Misfit("is no GraphQL document: a bracket is missing", key)
    if len(operations) != 1:
        raise Misfit(f"must hold one {operation}, and the fragments it uses", key)
    found = operations[0] or "query"
    if found != operation:
        harm = "; only a query is asked again without harm" if operation == "query" else ""
        raise Misfit(f"is a {found}{harm}", key, (operation,))


def _tokens(text: str) -> list[str]:
    """Names, variables and brackets, without texts and comments."""
    return [token for token in _TOKEN.findall(text) if not token.startswith(('"', "#"))]
