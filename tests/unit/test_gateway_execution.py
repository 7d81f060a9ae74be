"""Preparing documents: guards, limits of the cache, picking the operation."""

from __future__ import annotations

import time

import pytest
from graphql import OperationType, build_schema

from gateway.execution.document import Documents, Refused

GRAPH = build_schema("type Query { a(text: String): Int b: Int }")


def kept(documents: Documents, text: str) -> bool:
    found = documents.get(text)
    try:
        documents.validate(text, found)
    except Refused:
        return False
    return documents.get(text) is found


def test_the_least_recently_used_go_first() -> None:
    documents = Documents(GRAPH, most=2)
    assert kept(documents, "{ a }")
    assert kept(documents, "{ b }")
    first = documents.get("{ a }")
    assert kept(documents, "{ a b }")
    assert documents.get("{ a }") is first
    assert not documents.get("{ b }").validated


def test_bytes_are_bounded_too() -> None:
    documents = Documents(GRAPH, size=100_000)
    texts = [f"{{ {'a ' * 20} }} # {number}" for number in range(5)]
    assert all(kept(documents, text) for text in texts)
    assert not documents.get(texts[0]).validated
    assert documents.get(texts[-1]).validated


def test_what_does_not_fit_is_not_kept() -> None:
    assert not kept(Documents(GRAPH), "{ c }")


def test_the_operation_is_picked_by_name() -> None:
    both = Documents(GRAPH).get("query A { a } subscription B { b }")
    assert both.operation("B").operation is OperationType.SUBSCRIPTION
    with pytest.raises(Refused, match="Must provide operation name"):
        both.operation(None)
    with pytest.raises(Refused, match="Unknown operation"):
        both.operation("C" * 1_000)


@pytest.mark.parametrize(
    "text",
    [
        "{ a } #" + "x" * 70_000,
        "{ a } # é" + "é" * 40_000,
        "{" * 60_000,
        "{ a }" + "#\n" * 30_000,
        "{ " + "a " * 30_000 + "}",
        '{ a(text: "' + "x" * 66_000 + '") }',
    ],
    ids=["comment", "bytes", "braces", "comments", "fields", "string"],
)
def test_large_documents_are_refused_cheaply(text: str) -> None:
    documents = Documents(GRAPH)
    began = time.process_time()
    with pytest.raises(Refused):
        documents.get(text)
    assert time.process_time() - began < 0.2
