"""A hub without agencies in a process of its own: `cache_hub.py DATABASE VALKEY FOLDER`. Prints its address."""

from __future__ import annotations

import sys

from gateway.hub import serve
from gateway.server import run
from gateway.settings import load

SECRET = "a secret that the replicas of one test share"


def main(database: str, valkey: str, folder: str) -> None:
    settings = load(database_url=database, redis_url=valkey, data_dir=folder, port=0, secret=SECRET)
    run(serve(settings, {}, lambda reference: "", on_started=lambda address: print(address, flush=True)))


if __name__ == "__main__":
    main(*sys.argv[1:])
