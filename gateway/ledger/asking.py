"""How a snapshot asks its database: one consistent read, with the state of the whole ledger beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, TypeAlias

from gateway.ledger.database import Database, Dialect, Row
from gateway.ledger.state import AGENCIES, HEAD, STAMPS, Head, Remembered, State, asking, beside, head_of, told
from gateway.ledger.statement import Statement
from schema.errors import LedgerError

#: Rows, and the values of what was asked with them.
Answers: TypeAlias = "tuple[Sequence[Row], Sequence[Any]]"


class Asking:
    """The ledger at one moment. See `schema.ports.Reader.snapshot` for `lone`."""

    def __init__(self, database: Database, remembered: Remembered, *, lone: bool = False) -> None:
        self._database = database
        self._dialect = database.dialect
        self._remembered = remembered
        self._lone = lone
        self._asked = False
        # A single statement needs no session, if it tells the ledger's state along.
        self._session = None if lone else database.session()
        self._over = False
        self._known: Head | None = None
        self._state: State | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over = True
        if self._session is not None:
            await self._session.release()

    async def _head(self) -> Head:
        if self._known is None:
            if self._session is None:
                await self._tell(None)
            else:
                self._known = Head(*(await self._fetch(HEAD))[0])
        assert self._known is not None
        return self._known

    async def _stamps(self, head: Head) -> Sequence[Row]:
        state = self._state or self._remembered.state
        if state.stamped != head.stamped:
            state = state._replace(stamped=head.stamped, stamps=await self._fetch(STAMPS))
            self._remember(state)
        return state.stamps

    async def _agencies(self) -> Sequence[Row]:
        head = self._known or await self._head()
        state = self._state or self._remembered.state
        if state.reported != head.reported:
            state = state._replace(reported=head.reported, agencies=await self._fetch(AGENCIES))
            self._remember(state)
        return state.agencies

    def _remember(self, state: State) -> None:
        self._state = self._remembered.state = state

    async def _ask(self, statement: Statement) -> Sequence[Row]:
        """Puts a question for complaints, counts, statistics or events."""
        return (await self._ask_all(statement))[0]

    async def _ask_all(self, statement: Statement, *others: Statement) -> Answers:
        """Puts a question, and others of one value each."""
        if self._lone and (self._asked or self._known is not None):
            raise LedgerError("a snapshot for a lone question was asked something before it")
        self._asked = True
        return await (self._fetch_all if self._session is not None else self._tell)(statement, *others)

    async def _tell(self, statement: Statement | None, *others: Statement) -> Answers:
        """By one statement, if that can bring the state along; else by a transaction."""
        tell = self._tell_all if self._dialect is Dialect.POSTGRES else self._tell_head
        found = await tell(statement, *others)
        if found is not None:
            return found
        if self._over:
            raise LedgerError("the snapshot is over")
        self._session = self._database.session()
        found = await self._fetch_all(statement, *others) if statement is not None else ((), ())
        # For the next one.
        await self._stamps(await self._head())
        await self._agencies()
        return found

    async def _tell_all(self, statement: Statement | None, *others: Statement) -> Answers | None:
        """With whatever changed of the ledger's state."""
        state = self._remembered.state
        asked = asking(state, statement, *others)
        found = told(await self._database.fetch(asked.sql, asked.params, heavy=asked.heavy), state, statement, *others)
        if found is None:
            return None
        self._known = found.head
        self._remember(found.state)
        return found.rows, found.values

    async def _tell_head(self, statement: Statement | None, *others: Statement) -> Answers | None:
        """With the head in each row, under which the state that is remembered may still be true."""
        if others or (statement is not None and not statement.few):
            return None  # on SQLite a transaction costs less than the head in each of many rows
        state = self._remembered.state
        asked = beside(statement)
        rows = await self._database.fetch(asked.sql, asked.params)
        if not rows or not state.is_of(head := head_of(rows[0])):
            return None
        self._known, self._state = head, state
        return rows, ()

    async def _fetch_all(self, statement: Statement, *others: Statement) -> Answers:
        rows = await self._fetch(statement)
        return rows, [(await self._fetch(other))[0][0] for other in others]

    async def _fetch(self, statement: Statement) -> Sequence[Row]:
        assert self._session is not None  # until there is one, `_tell` asks
        return await self._session.fetch(statement.sql, statement.params, heavy=statement.heavy)
