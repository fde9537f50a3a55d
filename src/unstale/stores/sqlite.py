"""A SQLite file as a store. It is opened as any of its readers would; `check` never does that."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from unstale.errors import Failed
from unstale.store import Columns, Digest, Schema, Store
from unstale.stores.note import Note, note_digest, note_of, write_note
from unstale.stores.sqlite_schema import MASTER, STATEMENTS, pieces
from unstale.stores.sqlite_users import users

if TYPE_CHECKING:
    from unstale.host import Host

SIDES = ("-wal", "-shm", "-journal")
_ABSENT = "nothing-was-there"
_LINKS = 40  # as the kernel follows, path_resolution(7)
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
        path = self._real(host)
        seen = host.stat(path)
        if seen is None:
            host.write(f"{keep}/{_ABSENT}", b"")
        self._replace(host, source, keep, like=path if seen else None)

    def replaced(self, host: Host, kept: str) -> bool:
        path = self._real(host)
        if host.stat(f"{kept}/{_ABSENT}") is not None:
            return host.stat(path) is not None
        source = f"{kept}/{path.rpartition('/')[2]}"
        return host.stat(source) is not None and not _same(host, source, path)

    def put_back(self, host: Host, kept: str, keep: str) -> None:
        path = self._real(host)
        name = path.rpartition("/")[2]
        source = f"{kept}/{name}"
        if not self.replaced(host, kept):
            return
        if host.stat(f"{kept}/{_ABSENT}") is not None:
            for suffix in (*SIDES, ""):
                if host.stat(path + suffix) is not None:
                    host.rename(path + suffix, f"{keep}/{name}{suffix}")
        elif any(host.stat(source + suffix) for suffix in SIDES):  # damaged, they were kept apart
            host.backup_database(source, f"{keep}/whole.db")
            self._replace(host, f"{keep}/whole.db", keep, like=source)
        else:
            self._replace(host, source, keep, like=source)

    def _replace(self, host: Host, source: str, keep: str, like: str | None) -> None:
        """Copy it beside the file first, which takes long; the exchange takes an instant."""
        path = self._real(host)
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
        return users(host, self._real(host))

    def _real(self, host: Host) -> str:
        """Return the file that a link at the path leads to: SQLite keeps the WAL beside that one."""
        path = self.path
        for _ in range(_LINKS):
            seen = host.stat(path, follow=False)
            if seen is None or seen.kind != "link":
                break
            path = os.path.normpath(Path(path).parent / host.readlink(path))
        return path

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


def _same(host: Host, one: str, other: str) -> bool:
    """Return whether both names lead to one file: the kept one is a link until the exchange."""
    seen, here = host.stat(one), host.stat(other)
    if seen is None or here is None:
        return False
    same = (seen.device, seen.inode) == (here.device, here.inode)
    return same or (seen.size == here.size and host.hash(one) == host.hash(other))


def _rows(digest: Digest) -> dict[str, int]:
    return {name: rows for name, (rows, _) in digest.items()}
