"""Finds the project's databases, and the one that a command means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unstale.errors import Absent, UsageError
from unstale.facts.servers import DatabaseServers
from unstale.facts.sqlite import Databases
from unstale.stores.postgres import PostgresStore
from unstale.stores.sqlite import SqliteStore
from unstale.stores.url_sources import UrlSource

if TYPE_CHECKING:
    from unstale.fact import Facts

AnyStore = SqliteStore | PostgresStore


def stores(facts: Facts) -> tuple[AnyStore, ...]:
    """Return every database of the project: files that are configured or open, and PostgreSQL's. Raises Absent."""
    files, servers = facts.maybe(Databases), facts.maybe(DatabaseServers)
    found: list[AnyStore] = [SqliteStore(each.path) for each in (files.files if files else ())]
    found += [
        PostgresStore(each.url, UrlSource(each.key, each.pid, each.files))
        for each in (servers.servers if servers else ())
    ]
    if not found:
        raise Absent(
            what="no database",
            why="no SQLite file is configured or open, and no PostgreSQL database is configured",
            next="Name it: unstale.toml [database] url",
        )
    return tuple(found)


def one(facts: Facts, named: str | None) -> AnyStore:
    """Return the database of that label or end of it, or the only one that is there. Raises UsageError."""
    try:
        found = stores(facts)
    except Absent as error:
        raise UsageError(what=error.what, why=error.why, next=error.next) from None
    meant = [
        each
        for each in found
        if named is None or each.label == named or each.label.endswith(f"/{named}")
    ]
    if named is None and len(meant) > 1:  # a relative URL may lead to files that nobody made
        there = [each for each in meant if isinstance(each, PostgresStore) or each.size(facts.host)]
        meant = there or meant
    if len(meant) == 1:
        return meant[0]
    raise UsageError(
        what="which database is meant?" if meant else f"unknown database: {named}",
        why=f"the project has {', '.join(each.label for each in found)}",
        next=f"Add --database {(meant or found)[0].label}",
    )
