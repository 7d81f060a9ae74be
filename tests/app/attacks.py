"""Documents, variables and bodies that are made to keep a hub busy: each is small to send, and none is of use."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

#: Deep enough for any stack, wide enough for any loop.
_MANY = 400


def _repeated(times: int, part: Callable[[int], str]) -> str:
    return " ".join(map(part, range(times)))


def _nested(times: int, opening: str, inner: str, closing: str = "}") -> str:
    return opening * times + inner + closing * times


def _doubling(levels: int, on: str, field: str) -> str:
    """Each fragment spreads the next one twice, beneath fields of its own: 2 to the power of levels."""
    parts = [
        f"fragment f{n} on {on} {{ {field} {{ ...f{n + 1} }} other{n}: {field} {{ ...f{n + 1} }} }}"
        for n in range(levels)
    ]
    return " ".join((*parts, f"fragment f{levels} on {on} {{ __typename }}"))


_TYPES = "__schema { types { %s } }"

DOCUMENTS: dict[str, str] = {
    "fragments that double": '{ region(code: "36") { ...f0 } } ' + _doubling(14, "Region", "parent"),
    "fragments that double and merge": '{ region(code: "36") { ...f0 } } '
    + _repeated(30, lambda n: f"fragment f{n} on Region {{ parent {{ ...f{n + 1} ...f{n + 1} }} ...f{n + 1} }}")
    + " fragment f30 on Region { name }",
    "a cycle": "{ ...a } fragment a on Query { ...a }",
    "a cycle of two": "{ ...a } fragment a on Query { asOf ...b } fragment b on Query { asOf ...a }",
    "a cycle through fields": '{ region(code: "36") { ...a } } fragment a on Region { parent { ...a } }',
    "a cycle nobody uses": "{ asOf } fragment a on Region { parent { ...b } } fragment b on Region { parent { ...a } }",
    "cycles between all of many": "{ ...f0 } "
    + _repeated(40, lambda n: f"fragment f{n} on Query {{ {_repeated(40, lambda m: f'...f{m}')} }}"),
    "a long chain of fragments": "{ ...f0 } "
    + _repeated(_MANY, lambda n: f"fragment f{n} on Query {{ ...f{n + 1} }}")
    + f" fragment f{_MANY} on Query {{ asOf }}",
    "fragments that meet": f"{{ {_repeated(60, lambda n: f'...f{n}')} }}"
    + _repeated(60, lambda n: f"fragment f{n} on Query {{ viewer {{ role name }} }}"),
    "many fragments": "{ asOf } " + _repeated(200, lambda n: f"fragment f{n} on Query {{ asOf }}"),
    "the same field": "{ " + "asOf " * 1_900 + "}",
    "the same field with fields": "{ " + "viewer { role } " * 450 + "}",
    "nested duplicates": "{ complaints { " + "nodes { agency { id } agency { id } } " * 110 + "} }",
    "duplicates of duplicates": "{ complaints { " + ("nodes { " + "agency { id id id id } " * 12 + "} ") * 16 + "} }",
    "duplicates in inline fragments": "{ " + "... on Query { asOf } " * 350 + "}",
    "conflicts": "{ " + _repeated(_MANY, lambda n: f"a: {'asOf' if n % 2 else 'viewer { role }'}") + " }",
    "aliases of a field": "{ " + _repeated(600, lambda n: f"a{n}: asOf") + " }",
    "aliases of lists": "{ " + _repeated(100, lambda n: f"a{n}: complaints(first: 500) {{ totalCount }}") + " }",
    "aliases of a mutation": "mutation { "
    + _repeated(100, lambda n: f'a{n}: withdrawComplaint(input: {{ id: "x" }}) {{ __typename }}')
    + " }",
    "directives in many places": "{ " + _repeated(150, lambda n: f"a{n}: asOf @include(if: true)") + " }",
    "directives in one place": "{ asOf " + "@include(if: true) " * 200 + "}",
    "unknown directives": "{ asOf " + _repeated(900, lambda n: f"@d{n}") + " }",
    "many operations": _repeated(200, lambda n: f"query q{n} {{ asOf }}"),
    "operations times fragments": _repeated(40, lambda n: f"query q{n} {{ {_repeated(10, lambda m: f'...f{m}')} }}")
    + _repeated(10, lambda m: f"fragment f{m} on Query {{ viewer {{ role }} }}"),
    "unknown fields": "{ " + _repeated(900, lambda n: f"complaintz{n}") + " }",
    "unknown fragments": "{ " + _repeated(900, lambda n: f"...complaintz{n}") + " }",
    "deep fields": '{ region(code: "36") ' + _nested(_MANY, "{ parent ", "{ name }") + " }",
    "deep fields over fragments": '{ region(code: "36") { ...f0 } } '
    + _repeated(40, lambda n: f"fragment f{n} on Region {{ parent {{ parent {{ ...f{n + 1} }} }} }}")
    + " fragment f40 on Region { name }",
    "deep inline fragments": _nested(_MANY, "{ ... ", "{ asOf }"),
    "a deep list": "{ nodes(ids: " + _nested(900, "[", "", "]") + ") { id } }",
    "a deep object": "{ complaints(filter: " + _nested(600, "{ a: ", "{}") + ") { totalCount } }",
    "a long list": "{ statistics(groupBy: [" + "STATUS " * 1_900 + "]) { count } }",
    "introspection in circles": "{ " + _TYPES % _nested(8, "fields { type { ", "name", "} }") + " }",
    "introspection in depth": "{ " + _TYPES % ("fields { type " + _nested(18, "{ ofType ", "{ name }") + " }") + " }",
    "introspection many times": "{ "
    + _repeated(12, lambda n: f"a{n}: " + _TYPES % "fields { args { name } } enumValues { name }")
    + " }",
    "rows times rows": "{ complaints(first: 500) { nodes { timeline(last: 500) { actor { agency { id } } } } } }",
    "everything at once": "{ "
    + _repeated(18, lambda n: f"a{n}: complaints(first: 500) {{ nodes {{ journey {{ hops }} }} }}")
    + " }",
    "comments": "{ asOf }" + "#\n" * 2_000,
    "padding": "{ asOf }" + " " * 70_000,
    "a comment": "{ asOf } #" + "x" * 70_000,
    "lines": "{ asOf }" + "\n" * 60_000,
    "brackets": "{" * 60_000,
    "tokens": "{ " + "a " * 30_000 + "}",
    "an unfinished string": '{ node(id: "' + "\\" * 60_001 + '") { id } }',
    "strings": "{ nodes(ids: [" + '"" ' * 20_000 + "]) { id } }",
    "half a block string": '{ node(id: """' + '\\"""' * 10_000,
    "a long name": "{ " + "a" * 60_000 + " }",
    "a long number": "{ complaints(first: " + "1" * 60_000 + ") { totalCount } }",
    "many variables": "query (" + _repeated(450, lambda n: f"$v{n}: Int") + ") { asOf }",
}

_FILTERED = "query ($a: ComplaintFilter, $n: Int) { complaints(filter: $a, first: $n) { totalCount } }"
_ROWS = "query ($n: Int) { complaints(first: $n) { nodes { timeline(last: $n) { actor { role } } } } }"


def _deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": [value]}
    return value


VARIABLES: dict[str, tuple[str, Any]] = {
    "a long list in a variable": (_FILTERED, {"a": {"statuses": ["CLOSED"] * 20_000}}),
    "wrong values in a variable": (_FILTERED, {"a": {"statuses": ["KLOSED"] * 1_900}}),
    "a deep variable": (_FILTERED, {"a": _deep(200)}),
    "variables nobody declared": ("{ asOf }", {f"v{n}": n for n in range(20_000)}),
    "rows that a variable asks for": (_ROWS, {"n": 500}),
}

#: What is sent by POST, by name.
ATTACKS: dict[str, bytes] = {
    **{name: json.dumps({"query": text}).encode() for name, text in DOCUMENTS.items()},
    **{
        name: json.dumps({"query": text, "variables": variables}).encode()
        for name, (text, variables) in VARIABLES.items()
    },
    "deep JSON": b'{"query": "{ asOf }", "variables": {"a": ' + b"[" * 100_000,
    "a batch": b"[" + b'{"query": "{ asOf }"},' * 5_000 + b"{}]",
    "a body of 30 MB": b'{"query": "' + b"x" * 30_000_000,
}
