"""What a migration notes of a database, and how a run that ended half-way is decided from it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from unstale import codec
from unstale.stores.find import AnyStore

if TYPE_CHECKING:
    from unstale.action import Keep
    from unstale.host import Host
    from unstale.store import Schema


def settle(host: Host, keep: Keep) -> str:
    """Decide what a run that ended half-way left, and note it for undo; `keep` is its step's.

    Return "before", "after", or "between" where a script commits by itself. A run that never came to the live
    database is "before" too.
    """
    if host.stat(f"{keep.state}/expected.json") is None:
        return "before"
    expected = json.loads(host.read(f"{keep.state}/expected.json"))
    store: AnyStore = codec.decode(AnyStore, expected["store"])
    now = json.loads(json.dumps(shape(store.revisions(host), store.schema(host))))
    found = next((word for word in ("before", "after") if expected[word] == now), "between")
    if found == "before":
        host.discard(f"{keep.state}/after.json")  # nothing is to be taken back
    else:
        note(host, store, f"{keep.state}/after.json")
    return found


def shape(revisions: tuple[str, ...], schema: Schema) -> dict[str, Any]:
    """Return what tells one state of a database from another."""
    return {"revisions": revisions, "schema": schema}


def write(host: Host, path: str, value: object) -> None:
    """Write the value as JSON."""
    host.write(path, json.dumps(value).encode())


def note(host: Host, store: AnyStore, target: str) -> None:
    """Write what the database holds now; an empty one where it is missing."""
    write(host, target, store.digest(host))
