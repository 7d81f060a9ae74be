"""Which agency a complaint goes to that was written here (`docs/routing.md`)."""

from gateway.routing.router import Router
from gateway.routing.rules import FILE, Rules, load_routing

__all__ = ["FILE", "Router", "Rules", "load_routing"]
