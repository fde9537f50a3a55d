"""Rehearses a migration on a private copy, runs it on the live database, and proves that both did the same."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unstale.errors import Failed, Refused
from unstale.migration.case import Rehearsed
from unstale.migration.record import Record
from unstale.migration.rehearsed_rules import MARGIN
from unstale.migration.upgrade import Order, upgrade

if TYPE_CHECKING:
    from unstale.host import Host
    from unstale.store import Store

_WAL_VERSION = (
    b"\2"  # byte 18 of the file: https://sqlite.org/fileformat2.html#file_format_version_numbers
)


@dataclass(frozen=True, slots=True)
class Migrated:
    """What a live run did. `meanwhile`: rows more or less in tables that it does not touch, written by others."""

    record: Record
    meanwhile: dict[str, int]


def rehearse(host: Host, order: Order, place: str) -> Rehearsed:
    """Run the migration on a copy in the directory `place`, which should be on the live database's filesystem.

    The live database is only read, once. Raises Refused where the migration does not come to the copy.
    """
    store, record = order.store, f"{place}/{uuid.uuid4().hex}.jsonl"
    host.makedirs(place)
    with store.scratch(host, place) as copy:
        live, before, rows = store.schema(host), copy.schema(host), copy.digest(host)
        redirect = {**store.redirect(copy), "wal": _in_wal_mode(host, store)}
        try:
            ran = upgrade(host, order, record, redirect=redirect)
        finally:
            host.discard(record)
        if not ran.reached:
            raise Refused(
                what="the migration was not rehearsed",
                why=ran.error or f"its env.py does not open {store.label}",
                next=f"Look at the URL in env.py beside {order.config}. Nothing was changed.",
            )
        left = copy.digest(host)
        return Rehearsed(
            record=ran,
            live=live,
            before=before,
            after=copy.schema(host),
            rows_before={name: count for name, (count, _) in rows.items()},
            rows_after={name: count for name, (count, _) in left.items()},
            untouched=tuple(name for name in rows if rows[name] == left.get(name)),
            revisions=copy.revisions(host),
        )


def _in_wal_mode(host: Host, store: Store) -> bool:
    return (
        store.kind == "sqlite"
        and bool(store.size(host))
        and host.read(store.label, 20)[18:19] == _WAL_VERSION
    )


def require_fit(rehearsed: Rehearsed, budget: float | None) -> None:
    """Raise Failed where the rehearsal failed, or the app would not wait that long (None: it does not run)."""
    ran = rehearsed.record
    if not ran.done:
        where = f" ({ran.place[0]}:{ran.place[1]})" if ran.place else ""
        raise Failed(
            what="the migration fails on a copy of the database",
            why=f"{ran.error}{where}",
            next="Nothing was changed: mend the script.",
        )
    if budget is not None and ran.locked * MARGIN > budget:
        raise Failed(
            what=f"the migration would hold its locks for {ran.locked:.1f} s",
            why=f"with a margin of {MARGIN:g} that is over the {budget:g} s that the app waits: writes would be lost",
            next="Stop the app for it, split it, or: unstale db migrate --anyway. Nothing was changed.",
        )


def migrate(
    host: Host,
    order: Order,
    rehearsed: Rehearsed,
    record: str,
    *,
    rows: dict[str, int],
    shared: bool,
) -> Migrated:
    """Run it on the live database and prove it. `rows` by table at the backup; `shared`: others write meanwhile.

    Raises Failed: it failed, or it did not do what the rehearsal did.
    """
    if order.store.schema(host) != rehearsed.live:
        raise Failed(
            what="the database changed since the rehearsal",
            why=f"the schema of {order.store.label} is another",
            next="Nothing was changed. Run it again.",
        )
    ran = upgrade(host, order, record, broken=rehearsed.record.broken)
    if not ran.done:
        where = f" ({ran.place[0]}:{ran.place[1]})" if ran.place else ""
        raise Failed(
            what="alembic upgrade failed", why=f"{ran.error}{where}", next="Look at the script."
        )
    return Migrated(ran, _prove(host, order.store, rehearsed, rows, shared=shared))


def _prove(
    host: Host, store: Store, rehearsed: Rehearsed, rows: dict[str, int], *, shared: bool
) -> dict[str, int]:
    revisions = store.revisions(host)
    if revisions != rehearsed.revisions:
        raise _unlike(
            f"it is at {' '.join(revisions) or 'no revision'}, not at {' '.join(rehearsed.revisions)}"
        )
    if store.schema(host) != rehearsed.expected:
        raise _unlike("its schema is not the one that the rehearsal led to")
    now = store.digest(host)
    changed = {
        name: now.get(name, (0, ""))[0] - rows[name]
        for name in rehearsed.untouched
        if name in rows and now.get(name, (0, ""))[0] != rows[name]
    }
    if changed and not shared:
        words = ", ".join(f"{name} {count:+d}" for name, count in changed.items())
        raise _unlike(f"rows changed in tables that the migration does not touch: {words}")
    return changed


def _unlike(why: str) -> Failed:
    return Failed(
        what="the migration did something else than in its rehearsal", why=why, next="unstale log"
    )
