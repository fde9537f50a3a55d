"""A database, whatever serves it: what backup, restore, migrate and adopt need of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import ClassVar

from unstale.host import Host

Digest = dict[str, tuple[int, str]]
"""By table: its rows, and a digest of them and of its definition."""


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
    def fingerprint(self, host: Host) -> str:
        """Return a digest of the whole schema (tables, columns, constraints, indexes, triggers, views), not of rows."""

    @abstractmethod
    def digest(self, host: Host) -> Digest:
        """Return rows and a digest of each table, from one read transaction."""

    @abstractmethod
    def backup(self, host: Host, target: str) -> None:
        """Write an online backup to the file (0600), then verify it. Raises Failed."""

    @abstractmethod
    def restore(self, host: Host, source: str, keep: str) -> None:
        """Bring a backup back; what was there is kept in the directory `keep`. Raises Failed, nothing changed."""

    @abstractmethod
    def scratch(self, host: Host, place: str) -> AbstractContextManager[Store]:
        """Give a private copy of schema and rows to work on, gone afterwards. `place`: a directory of ours (0700)."""

    @abstractmethod
    def redirect(self, to: Store) -> dict[str, object]:
        """Return how guard/run_migrations.py leads connections meant for this database to that one (JSON values)."""

    @abstractmethod
    def environment(self, host: Host) -> dict[str, str]:
        """Return the variables that reach it (libpq's, for PostgreSQL). Secret: never shown or journaled."""
