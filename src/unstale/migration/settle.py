"""Decides what a migration that was cut off left, from what was noted in its step's directory before it went live."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from unstale import codec
from unstale.stores.find import AnyStore

if TYPE_CHECKING:
    from unstale.host import Host
    from unstale.migration.case import Rehearsed
    from unstale.store import Schema, Store


def expect(
    host: Host, state: str, store: Store, source: tuple[str, ...], rehearsed: Rehearsed
) -> None:
    """Note what the database is, and what it is to become."""
    expected = {
        "store": codec.encode(store),
        "before": _shape(source, rehearsed.live),
        "after": _shape(rehearsed.revisions, rehearsed.expected),
    }
    host.write(f"{state}/expected.json", json.dumps(expected).encode())


def settle(host: Host, state: str) -> str:
    """Return "before", "after", or "between" where a script commits by itself; note it for undo.

    A run that never came to the live database is "before" too.
    """
    if host.stat(f"{state}/expected.json") is None:
        return "before"
    expected = json.loads(host.read(f"{state}/expected.json"))
    store: AnyStore = codec.decode(AnyStore, expected["store"])
    now = json.loads(json.dumps(_shape(store.revisions(host), store.schema(host))))
    found = next((word for word in ("before", "after") if expected[word] == now), "between")
    if found == "before":
        host.discard(f"{state}/after.json")  # nothing is to be taken back
    else:
        note(host, store, f"{state}/after.json")
    return found


def note(host: Host, store: Store, target: str) -> None:
    """Write what the database holds now: undo is refused once that changed."""
    host.write(target, json.dumps(store.digest(host)).encode())


def _shape(revisions: tuple[str, ...], schema: Schema) -> dict[str, Any]:
    return {"revisions": revisions, "schema": schema}
