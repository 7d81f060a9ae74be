"""From a client's filter to the ledger's. Pure."""

from __future__ import annotations

from typing import Any

import msgspec
import strawberry
from strawberry.utils.str_converters import to_camel_case

from schema.errors import BadUserInput
from schema.regions import parse_code

#: Most values in one list of a filter.
MOST_VALUES = 100
#: Most characters of a text to search for.
MOST_TEXT = 200


def condition(description: str) -> Any:
    """A field of a filter: absent or null, it does not restrict."""
    return strawberry.field(default=strawberry.UNSET, description=description)


def conditions(given: object, record: type[msgspec.Struct]) -> dict[str, Any]:
    """The conditions that were set, named and typed as the ledger's filter record has them.

    Raises:
        BadUserInput: a list is too long.
    """
    values = {name: getattr(given, name) for name in record.__struct_fields__}
    return {
        name: _bounded(name, value) if isinstance(value, list) else value
        for name, value in values.items()
        if value is not None and value is not strawberry.UNSET
    }


def _bounded(name: str, values: list[Any]) -> tuple[Any, ...]:
    if len(values) > MOST_VALUES:
        raise BadUserInput(f"`{to_camel_case(name)}` takes at most {MOST_VALUES} values.")
    return tuple(values)


def region_condition(code: str) -> str:
    """The code, if its groups are whole.

    Raises:
        BadUserInput: they are not.
    """
    if parse_code(code) is None:
        raise BadUserInput("`regionCode` is whole groups of a Kemendagri code, for instance 36, 36.03 or 36.03.01.")
    return code


def text_condition(text: str) -> str | None:
    """The words to search for; None when there are none.

    Raises:
        BadUserInput: too long.
    """
    if len(text) > MOST_TEXT:
        raise BadUserInput(f"`text` takes at most {MOST_TEXT} characters.")
    return text.strip() or None
