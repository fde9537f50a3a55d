"""A SQLite file as a store. It is opened as any of its readers would; `check` never does that."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from unstale.errors import Failed
from unstale.sqlite_hands import TABLES, quoted
from unstale.store import Columns, Digest, Schema, Store
from unstale.stores.note import Note, note_digest, note_of, write_note
from unstale.stores.sqlite_file import real_path, same_file, users
from unstale.stores.sqlite_schema import MASTER, STATEMENTS, pieces

if TYPE_CHECKING:
    from unstale.host import Host

SIDES = ("-wal", "-shm", "-journal")
_ABSENT = "nothing-was-there"
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

    def texts(self, host: Host) -> tuple[tuple[str, str, str, str], ...]:
        """Return (type, name, table, SQL) of everything that the schema defines, as it was written."""
        (rows,) = host.query_database(self.path, (MASTER,)) if self.size(host) else ((),)
        return tuple(
            (str(kind), str(name), str(table), str(sql)) for kind, name, table, sql in rows or ()
        )

    def digest(self, host: Host, columns: Columns | None = None) -> Digest:
        return host.digest_database(self.path, columns) if self.size(host) else {}

    def rows(self, host: Host) -> dict[str, int]:
        if not self.size(host):
            return {}
        (names,) = host.query_database(self.path, (TABLES,))
        tables = [str(row[0]) for row in names or ()]
        counts = tuple(f"SELECT count(*) FROM {quoted(name)}" for name in tables)
        answers = host.query_database(self.path, counts)
        return {name: rows[0][0] for name, rows in zip(tables, answers, strict=True) if rows}

    def execute(self, host: Host, statements: tuple[str, ...], unchanged: Columns) -> None:
        host.change_database(self.path, statements, unchanged)

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

    def verify(self, host: Host, source: str) -> dict[str, int]:
        note = note_of(host, source)
        if note is not None and host.hash(source) != note.sum:
            raise _damaged(source, "its bytes are not those that were verified when it was made")
        try:
            (rows,) = host.query_database(source, ("PRAGMA quick_check(1)",))
        except Failed as error:
            raise _damaged(source, error.why) from None
        if not rows or rows[0][0] != "ok":
            raise _damaged(source, str(rows[0][0]) if rows else "SQLite finds nothing in it")
        return note.rows if note is not None else _rows(host.digest_database(source))

    def restore(self, host: Host, source: str, keep: str) -> None:
        self.verify(host, source)
        path = real_path(host, self.path)
        seen = host.stat(path)
        if seen is None:
            host.write(f"{keep}/{_ABSENT}", b"")
        self._replace(host, source, keep, like=path if seen else None)

    def replaced(self, host: Host, kept: str) -> bool:
        path = real_path(host, self.path)
        if host.stat(f"{kept}/{_ABSENT}") is not None:
            return host.stat(path) is not None
        source = self.kept_as(host, kept)
        return host.stat(source) is not None and not same_file(host, source, path)

    def kept_as(self, host: Host, kept: str) -> str:
        return f"{kept}/{real_path(host, self.path).rpartition('/')[2]}"

    def put_back(self, host: Host, kept: str, keep: str) -> None:
        path = real_path(host, self.path)
        source = self.kept_as(host, kept)
        if not self.replaced(host, kept):
            return
        if host.stat(f"{kept}/{_ABSENT}") is not None:
            for suffix in (*SIDES, ""):
                if host.stat(path + suffix) is not None:
                    host.rename(path + suffix, self.kept_as(host, keep) + suffix)
        elif any(host.stat(source + suffix) for suffix in SIDES):  # damaged, they were kept apart
            host.backup_database(source, f"{keep}/whole.db")
            self._replace(host, f"{keep}/whole.db", keep, like=source)
        else:
            self._replace(host, source, keep, like=source)

    def _replace(self, host: Host, source: str, keep: str, like: str | None) -> None:
        """Copy it beside the file first, which takes long; the exchange takes an instant."""
        path = real_path(host, self.path)
        staged = f"{path}.restoring"
        host.discard(staged)  # of a run that was killed
        try:
            host.copy(source, staged, like=like)
            note_digest(host, keep, SqliteStore(source).digest(host))
            if used := self.users(host):
                raise Failed(
                    what=f"{self.path} was not replaced",
                    why=f"{used[0]} came to use it",
                    next="Stop it first. Nothing was changed.",
                )
            host.replace_database(path, staged, keep)
        finally:
            host.discard(staged)

    def users(self, host: Host) -> tuple[str, ...]:
        return users(host, real_path(host, self.path))

    def scratch(
        self, host: Host, place: str, *, blank: bool = False
    ) -> AbstractContextManager[SqliteStore]:
        return self._scratch(host, place, blank=blank)

    @contextmanager
    def _scratch(self, host: Host, place: str, *, blank: bool) -> Iterator[SqliteStore]:
        host.makedirs(place)
        target = f"{place}/{uuid.uuid4().hex}.db"
        try:
            if self.size(host) and not blank:
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


def _rows(digest: Digest) -> dict[str, int]:
    return {name: rows for name, (rows, _) in digest.items()}
