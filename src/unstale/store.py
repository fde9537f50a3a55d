"""A database, whatever serves it: what backup, restore, migrate and adopt need of it."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import ClassVar, NamedTuple

from unstale.answers import Columns, Digest
from unstale.host import Host

__all__ = ["Columns", "Digest", "Piece", "Schema", "Store", "unaccepted", "written_since"]

_NAMED = 5  # tables that a refusal names


class Piece(NamedTuple):
    """One part of a schema. `kind` is table, column, primary key, unique, check, foreign key, index,
    trigger, view, sequence, type, domain or function; `name` is empty where the database gave it none.
    """

    table: str
    kind: str
    name: str
    definition: str


Schema = tuple[Piece, ...]


class Store(ABC):
    """One database of the project: frozen data without secrets, which it fetches where it uses them."""

    __slots__ = ()

    kind: ClassVar[str]
    """"sqlite" or "postgresql"."""

    @property
    @abstractmethod
    def label(self) -> str:
        """Return the name that a person knows it by: a path, or host/name; never a password."""

    @abstractmethod
    def size(self, host: Host) -> int | None:
        """Return its bytes, None where it does not exist."""

    @abstractmethod
    def revisions(self, host: Host) -> tuple[str, ...]:
        """Return what alembic_version holds, sorted; nothing where there is no such table."""

    @abstractmethod
    def schema(self, host: Host) -> Schema:
        """Return the whole schema, sorted, alike for equal schemas however they were made. Raises Failed."""

    def fingerprint(self, host: Host) -> str:
        """Return a digest of the whole schema (tables, columns, constraints, indexes, triggers, views), not of rows."""
        return hashlib.sha256(json.dumps(self.schema(host)).encode()).hexdigest()[:32]

    def definitions(self, host: Host) -> Schema:
        """Return the schema in the database's own words, of which it may have several for the same."""
        return self.schema(host)

    @abstractmethod
    def digest(self, host: Host, columns: Columns | None = None) -> Digest:
        """Return rows and a digest of each table, from one snapshot; of the columns' values alone where named."""

    @abstractmethod
    def backup(self, host: Host, target: str) -> None:
        """Write an online backup to the file (0600), verify it, and write its note beside it. Raises Failed."""

    @abstractmethod
    def rows(self, host: Host) -> dict[str, int]:
        """Return the rows of each table, counted."""

    @abstractmethod
    def execute(self, host: Host, statements: tuple[str, ...], unchanged: Columns) -> None:
        """Run statements in one transaction, taken back where the rows of these columns differ. Raises Failed."""

    @abstractmethod
    def verify(self, host: Host, source: str) -> dict[str, int]:
        """Make sure that a backup is whole, and return its rows by table. Raises Failed."""

    @abstractmethod
    def restore(self, host: Host, source: str, keep: str) -> None:
        """Bring a backup back; what was there is kept in the directory `keep`, or under a name noted there.

        `keep`/restored.json holds the digest of what was brought, before anything is replaced. Whoever calls it has
        made sure that nobody uses the database. Raises Failed, nothing changed.
        """

    @abstractmethod
    def replaced(self, host: Host, kept: str) -> bool:
        """Return whether the restore that kept what it replaced in `kept` came to replace anything."""

    @abstractmethod
    def kept_as(self, host: Host, kept: str) -> str:
        """Return where a person finds what the restore replaced: a path, or a database's name."""

    @abstractmethod
    def put_back(self, host: Host, kept: str, keep: str) -> None:
        """Put back what `restore` kept in `kept`, as a restore does; nothing where it kept nothing. Raises Failed."""

    @abstractmethod
    def users(self, host: Host) -> tuple[str, ...]:
        """Return who else uses it now: "process 4711 (uvicorn app.main:app)"."""

    @abstractmethod
    def scratch(
        self, host: Host, place: str, *, blank: bool = False
    ) -> AbstractContextManager[Store]:
        """Give a private copy of schema and rows (`blank`: empty) to work on, gone afterwards.

        `place`: a directory of ours (0700).
        """

    @abstractmethod
    def redirect(self, to: Store) -> dict[str, object]:
        """Return how guard/run_migrations.py leads connections meant for this database to that one (JSON values)."""

    @abstractmethod
    def environment(self, host: Host) -> dict[str, str]:
        """Return the variables that reach it (libpq's, for PostgreSQL). Secret: never shown or journaled."""


def written_since(noted: Digest, now: Digest) -> dict[str, int]:
    """Return by table the rows that were written after the digest was noted.

    Where a table did not grow, which of its rows are new is not known: then all that it has count.
    """
    return {
        name: rows - noted[name][0] if name in noted and rows > noted[name][0] else rows
        for name, (rows, mark) in now.items()
        if noted.get(name) != (rows, mark)
    }


def unaccepted(lost: dict[str, int], accept: int | None) -> str | None:
    """Return why these rows must not be given up, and what would; None where exactly so many are accepted."""
    total = sum(lost.values())
    if not lost or total == accept:
        return None
    named = ", ".join(f"{rows} of {name}" for name, rows in [*lost.items()][:_NAMED])
    return (
        f"it was written since; these rows would be lost: {named}; {total} in all. "
        f"--accept-data-loss={total} gives them up and keeps the replaced database"
    )
