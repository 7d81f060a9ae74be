"""The list of records inside a reply, in JSON or XML, found by the records' keys without knowing the dialect."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, TypeAlias

import orjson
from lxml import etree

from connectors.contract.wire import Answer

#: Where a list stands: keys and indices in JSON, none in XML, whose records are the children of the root.
Place: TypeAlias = tuple[str | int, ...]


class Body:
    """A reply's body with its list of records.

    Attributes:
        items: the records as they are in the body; replace them as you like, then `answer()`.
    """

    items: list[Any]

    def answer(self) -> Answer:
        """The reply with `items` in the list's place."""
        raise NotImplementedError

    def keys(self, item: Any) -> set[str]:
        """All values of a record, as text: its key is one of them."""
        raise NotImplementedError

    def changed(self, item: Any, change: Callable[[str, Any], Any]) -> Any:
        """A copy of a record in which each value is what `change(name, value)` makes of it."""
        raise NotImplementedError

    def garbage(self) -> tuple[Any, Any]:
        """Two things that are no records: a piece of text, and an empty object."""
        raise NotImplementedError


def read_body(answer: Answer, ids: Collection[str], place: Place | None = None) -> tuple[Body, Place] | None:
    """The body of a reply and where its list of records stands; None if it has none.

    Args:
        ids: native ids; the list that holds most of them is the one.
        place: where the list stood in another reply, for one whose list is empty.
    """
    start = answer.content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"<":
        return _read_xml(answer, ids)
    try:
        value = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return None
    found = max(_lists(value, ()), key=lambda each: _hits(each[1], ids), default=None)
    if found is not None and _hits(found[1], ids):
        return JsonBody(answer, value, found[0]), found[0]
    if place is not None and isinstance(_at(value, place), list):
        return JsonBody(answer, value, place), place
    return None


class JsonBody(Body):
    def __init__(self, answer: Answer, value: Any, place: Place) -> None:
        self._answer, self._value, self._place = answer, value, place
        self.items = list(_at(value, place))

    def answer(self) -> Answer:
        value = self.items if not self._place else copy.deepcopy(self._value)
        if self._place:
            _at(value, self._place[:-1])[self._place[-1]] = self.items
        return Answer(status=self._answer.status, headers=self._answer.headers, content=orjson.dumps(value))

    def recount(self, before: int, after: int) -> None:
        """Where the body tells how many records there are in all."""
        self._value = _recounted(self._value, before, after)

    def keys(self, item: Any) -> set[str]:
        return _values(item)

    def changed(self, item: Any, change: Callable[[str, Any], Any]) -> Any:
        return _changed(item, "", change)

    def garbage(self) -> tuple[Any, Any]:
        return "bukan catatan", {}


class XmlBody(Body):
    def __init__(self, answer: Answer, root: etree._Element) -> None:
        self._answer, self._root = answer, root
        self.items = list(root.iterchildren(etree.Element))

    def answer(self) -> Answer:
        root = copy.copy(self._root)
        root[:] = [copy.deepcopy(item) for item in self.items]
        return Answer(
            status=self._answer.status,
            headers=self._answer.headers,
            content=etree.tostring(root, encoding="utf-8", xml_declaration=True),
        )

    def keys(self, item: Any) -> set[str]:
        return {element.text.strip() for element in item.iter() if element.text}

    def changed(self, item: Any, change: Callable[[str, Any], Any]) -> Any:
        item = copy.deepcopy(item)
        for element in item.iter(etree.Element):
            name = etree.QName(element).localname
            if element.text and element.text.strip():
                element.text = str(change(name, element.text))
            if element.tail and element.tail.strip():
                element.tail = str(change(name, element.tail))
            for attribute, value in element.items():
                element.set(attribute, str(change(etree.QName(attribute).localname, value)))
        return item

    def garbage(self) -> tuple[Any, Any]:
        text = etree.Element(self.items[0].tag)
        text.text = "bukan catatan"
        return text, etree.Element(self.items[0].tag)


def rewritten(answer: Answer, change: Callable[[str, Any], Any]) -> Answer:
    """A reply in which each value is what `change(name, value)` makes of it; one in neither form as it is."""
    if answer.content.lstrip()[:1] == b"<":
        root = _parsed(answer.content)
        if root is None:
            return answer
        content = etree.tostring(XmlBody(answer, root).changed(root, change), encoding="utf-8", xml_declaration=True)
        return Answer(status=answer.status, headers=answer.headers, content=content)
    try:
        value = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return answer
    return Answer(status=answer.status, headers=answer.headers, content=orjson.dumps(_changed(value, "", change)))


def _read_xml(answer: Answer, ids: Collection[str]) -> tuple[Body, Place] | None:
    root = _parsed(answer.content)
    if root is None:
        return None
    body = XmlBody(answer, root)
    return (body, ()) if any(body.keys(item) & set(ids) for item in body.items) else None


_PARSER: Final = etree.XMLParser(
    resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
)


def _parsed(content: bytes) -> etree._Element | None:
    try:
        return etree.fromstring(content, _PARSER)
    except (etree.XMLSyntaxError, ValueError):
        return None


def _lists(value: Any, place: Place) -> list[tuple[Place, list[Any]]]:
    found: list[tuple[Place, list[Any]]] = []
    if isinstance(value, list):
        found.append((place, value))
    if isinstance(value, dict):
        for name, part in value.items():
            found += _lists(part, (*place, name))
    return found


def _hits(items: list[Any], ids: Collection[str]) -> int:
    return sum(1 for item in items if isinstance(item, dict | list) and _shallow(item) & set(ids))


def _shallow(item: Any) -> set[str]:
    """The values of a record itself and one level below: GraphQL's `{node: {...}}` is a record too."""
    parts = item.values() if isinstance(item, dict) else item
    near = {str(part) for part in parts if isinstance(part, str | int)}
    inner = [part for part in parts if isinstance(part, dict)]
    return near.union(*({str(v) for v in part.values() if isinstance(v, str | int)} for part in inner))


def _values(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set().union(*(_values(part) for part in value.values()))
    if isinstance(value, list):
        return set().union(*(_values(part) for part in value))
    return {str(value)} if isinstance(value, str | int) else set()


def _changed(value: Any, name: str, change: Callable[[str, Any], Any]) -> Any:
    if isinstance(value, dict):
        return {key: _changed(part, key, change) for key, part in value.items()}
    if isinstance(value, list):
        return [_changed(part, name, change) for part in value]
    return value if value is None else change(name, value)


def _at(value: Any, place: Sequence[str | int]) -> Any:
    for step in place:
        if not (isinstance(value, dict) and step in value):
            return None
        value = value[step]
    return value


def _recounted(value: Any, before: int, after: int) -> Any:
    if isinstance(value, dict):
        return {name: _recounted(part, before, after) for name, part in value.items()}
    return after if type(value) is int and value == before else value


def another(native_id: str, taken: Collection[str]) -> str:
    """A key of the same form that no record has."""
    runs = list(re.finditer(r"\d+", native_id))
    if not runs:
        return next(made for n in range(2, 10_000) if (made := f"{native_id}-{n}") not in taken)
    run = runs[-1]
    start, width = int(run[0]), len(run[0])
    for n in range(1, 1_000_000):
        # Far from its neighbours, or it might be the key of a record that was not read.
        number = (start + n * 7_919) % 10**width if width > 4 else start + n
        made = native_id[: run.start()] + str(number).zfill(width) + native_id[run.end() :]
        if made not in taken:
            return made
    raise AssertionError("a million keys are taken")
