"""`simpul delivery retry`."""

from __future__ import annotations

import asyncio
import secrets

from rich.console import Console

from gateway.commands.opened import keyring_of
from gateway.hub import open_ledger, utc_now
from gateway.ledger.rows import to_milliseconds
from gateway.outbox.letter import HUB
from gateway.settings import Settings, load
from gateway.writes import deliveries
from gateway.writes.basis import Basis
from gateway.writes.intents import intent
from schema.delivery import Delivery, DeliveryState
from schema.errors import ConfigError
from schema.query import Role, Viewer
from schema.writes import Action, IllegalDeliveryMove, Recorded, RetryDelivery

#: Whoever may run commands on the hub's machine, as the audit calls them.
OPERATOR = Viewer(role=Role.NATIONAL_ADMIN, credential="operator")

notes = Console(stderr=True)


def retry(id: str) -> int:
    """Have a REJECTED or DEAD write sent again, an UNKNOWN one looked up. Exits with 1 if it is in another state.

    The hub may run meanwhile, and heeds it within a second.

    Parameters
    ----------
    id
        Of the delivery: `delivery_...`, as `simpul delivery list` has it.
    """
    delivery, refused = asyncio.run(_retry(load(), id))
    if refused is not None:
        notes.print(f"{id} is {refused}: only REJECTED, DEAD and UNKNOWN ones can be retried", highlight=False)
        return 1
    what = "looked up" if delivery.state is DeliveryState.UNKNOWN else "sent again"
    notes.print(f"{id} is {delivery.state}: it is {what} as soon as {delivery.agency} can be asked", highlight=False)
    return 0


async def _retry(settings: Settings, id: str) -> tuple[Delivery, DeliveryState | None]:
    """The delivery as it is afterwards, and its state if that forbids it."""
    keyring = keyring_of(settings)
    asked = RetryDelivery(idempotency_key=secrets.token_urlsafe(32), delivery_id=id)
    basis = Basis(now=to_milliseconds(utc_now()), rules=lambda slug: None, keyring=keyring)
    async with open_ledger(settings) as ledger:
        async with ledger.reader.snapshot(HUB) as snapshot:
            known = (await snapshot.deliveries_by_ids([id])).get(id)
        if known is None:
            raise ConfigError(f"no such delivery: {id}")
        ids = {"complaints": [known.complaint_id], "deliveries": [id]}
        meant = intent(keyring, OPERATOR, Action.RETRY_DELIVERY, asked, **ids)
        recorded = await ledger.writer.write(meant, deliveries.retry(OPERATOR, asked, known.complaint_id, basis))
        if isinstance(recorded, IllegalDeliveryMove):
            return known, recorded.state
        if not isinstance(recorded, Recorded):
            raise ConfigError(f"{id} can't be retried: {type(recorded).__name__}")
        async with ledger.reader.snapshot(HUB) as snapshot:
            return (await snapshot.deliveries_by_ids([id]))[id], None
