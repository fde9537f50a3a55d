"""A SQLite file as a store. It is opened as any of its readers would; `check` never does that."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from unstale.errors import Failed
from unstale.store import Columns, Digest, Schema, Store
from unstale.stores.note import Note, note_of, write_note
from unstale.stores.sqlite_schema import STATEMENTS, pieces

if TYPE_CHECKING:
    from unstale.host import Host

SIDES = ("-wal", "-shm", "-journal")
_REVISIONS = "SELECT version_num FROM alembic_version"


@dataclass(frozen=True, slots=True)
class SqliteStore(Store):
    """The database file at an absolute path."""

    kind: ClassVar[str] = "sqlite"

    path: str

    @property
    def label(self) -> str:
        return self.path

    def size(self, host: Host) -> int | None:
        seen = host.stat(self.path)
        return seen.size if seen is not None and seen.kind == "file" else None

    def revisions(self, host: Host) -> tuple[str, ...]:
        (rows,) = host.query_database(self.path, (_REVISIONS,)) if self.size(host) else ((),)
        return tuple(sorted(str(row[0]) for row in rows or ()))

    def schema(self, host: Host) -> Schema:
        return pieces(host.query_database(self.path, STATEMENTS)) if self.size(host) else ()

    def digest(self, host: Host, columns: Columns | None = None) -> Digest:
        return host.digest_database(self.path, columns) if self.size(host) else {}

    def backup(self, host: Host, target: str) -> None:
        taken_at = host.now()
        rows = host.backup_database(self.path, target)
        copy = SqliteStore(target)
        note = Note(
            kind=self.kind,
            label=self.label,
            taken_at=taken_at,
            verified_at=host.now(),
            revisions=copy.revisions(host),
            rows=rows,
            size=copy.size(host) or 0,
            sum=host.hash(target),
        )
        write_note(host, target, note)

    def verify(self, host: Host, source: str) -> None:
        """Make sure that a backup is whole: its bytes are those noted, else SQLite finds it sound. Raises Failed."""
        note = note_of(host, source)
        if note is not None and host.hash(source) != note.sum:
            why = "its bytes are not those that were verified when it was made"
            raise _damaged(source, why)
        rows = None
        with suppress(Failed):
            (rows,) = host.query_database(source, ("PRAGMA quick_check(1)",))
        if not rows or rows[0][0] != "ok":
            raise _damaged(source, str(rows[0][0]) if rows else "SQLite cannot read it")

    def restore(self, host: Host, source: str, keep: str) -> None:
        self.verify(host, source)
        host.replace_database(self.path, source, keep)

    def scratch(self, host: Host, place: str) -> AbstractContextManager[Store]:
        return self._scratch(host, place)

    @contextmanager
    def _scratch(self, host: Host, place: str) -> Iterator[Store]:
        host.makedirs(place)
        target = f"{place}/{uuid.uuid4().hex}.db"
        try:
            if self.size(host):
                host.backup_database(self.path, target)
            yield SqliteStore(target)
        finally:
            for suffix in ("", *SIDES):
                host.discard(target + suffix)

    def redirect(self, to: Store) -> dict[str, object]:
        return {"kind": self.kind, "live": self.path, "to": to.label}

    def environment(self, host: Host) -> dict[str, str]:
        return {}


def _damaged(source: str, why: str) -> Failed:
    return Failed(
        what=f"the backup {source} is damaged",
        why=why,
        next="Nothing was changed. unstale db status lists the others.",
    )
