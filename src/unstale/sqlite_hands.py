"""How SQLite files are read, saved, backed up and compared by those who may open them."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from unstale.errors import Failed
from unstale.sqlite_copy import Rows, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_WAIT = 10.0  # seconds for other writers to finish
TABLES = (
    "SELECT name, sql FROM sqlite_master WHERE type = 'table' "
    "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name"
)


def copy(source: str, target: str, like: str | None) -> None:
    """Copy the bytes, fsync, then give mode and owner of `like` (0600 and ours without it)."""
    Path(target).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with Path(source).open("rb") as read, os.fdopen(descriptor, "wb") as write:
        shutil.copyfileobj(read, write, 1 << 20)
        write.flush()
        if like is not None:
            seen = Path(like).stat()
            os.fchmod(write.fileno(), seen.st_mode & 0o777)
            if os.geteuid() == 0:
                os.fchown(write.fileno(), seen.st_uid, seen.st_gid)
        os.fsync(write.fileno())


@contextmanager
def held_open(paths: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Hold a descriptor of each: the inode of a deleted file lives as long as one is open
    (unlink(2)).
    """
    descriptors: list[int] = []
    try:
        for path in paths:
            descriptors += [os.open(path, os.O_RDONLY | os.O_CLOEXEC)]  # closed if the next fails
        yield tuple(f"/proc/{os.getpid()}/fd/{each}" for each in descriptors)
    finally:
        for each in descriptors:
            os.close(each)


def backup(source: str, target: str) -> dict[str, int]:
    """Copy by SQLite's online backup in one transaction (https://sqlite.org/backup.html), then
    verify; return rows by table.

    The target may be live: its users wait for the lock and then see the new content. A new one is
    written without a journal and synced once at the end; a half one is no backup to anybody.
    """
    Path(target).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT, 0o600))  # SQLite's own would be 0644
        with reading(source) as read, opened(target) as write:
            if not Path(target).stat().st_size:
                write.execute("PRAGMA journal_mode = OFF").fetchone()
                write.execute("PRAGMA synchronous = OFF")
            read.execute("BEGIN")  # one snapshot for the count and the copy
            want = _counts(read)
            read.backup(write)
            (verdict,) = write.execute("PRAGMA quick_check(1)").fetchone()
            have = _counts(write)
        _sync(target)
    except sqlite3.Error as error:
        raise Failed(
            what=f"cannot copy {source} to {target}",
            why=str(error),
            next=f"sqlite3 {source} 'PRAGMA quick_check'",
        ) from None
    if verdict != "ok":
        raise Failed(what=f"{source} is damaged", why=verdict, next=f"sqlite3 {source} .recover")
    if want != have:
        raise Failed(
            what=f"the copy of {source} is not equal",
            why=f"rows by table {want} became {have}",
            next="Stop what writes to it and try again.",
        )
    return have


def query(path: str, statements: tuple[str, ...]) -> tuple[Rows | None, ...]:
    """Return each statement's rows from one read transaction, None without its table. Raises Failed."""
    try:
        with reading(path) as connection:
            connection.execute("BEGIN")
            return tuple(rows_of(connection, each) for each in statements)
    except sqlite3.Error as error:
        raise unread(path, error) from None


def unread(path: str, error: sqlite3.Error) -> Failed:
    """Return what to say where SQLite cannot read."""
    return Failed(
        what=f"cannot read {path}", why=str(error), next=f"sqlite3 {path} 'PRAGMA integrity_check'"
    )


@contextmanager
def reading(path: str) -> Iterator[sqlite3.Connection]:
    """Open for reading, and leave everything as it was.

    Beside a WAL the end of a reader that may not write neither checkpoints nor removes it; without one
    only a writer's end removes the empty WAL that opening makes. A hot journal, or a WAL whose index
    cannot be made, needs a writer too (https://sqlite.org/rescode.html#readonly).
    """
    where = Path(path).absolute().as_uri()
    mode = "ro" if Path(f"{path}-wal").exists() else "rw"
    with opened(f"{where}?mode={mode}") as connection:
        if mode == "rw" or _readable(connection):
            yield connection
            return
    with opened(f"{where}?mode=rw") as connection:
        yield connection


def _readable(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
            return False
        raise
    return True


@contextmanager
def opened(path: str) -> Iterator[sqlite3.Connection]:
    """Open for reading and writing; its transactions are begun and ended by hand."""
    connection = sqlite3.connect(
        path, timeout=_WAIT, isolation_level=None, uri=path.startswith("file:")
    )
    with closing(connection):
        connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        yield connection


def _sync(path: str) -> None:
    for each in (path, Path(path).parent):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _counts(connection: sqlite3.Connection) -> dict[str, int]:
    names = [name for name, _ in connection.execute(TABLES).fetchall()]
    return {
        name: connection.execute(f"SELECT count(*) FROM {quoted(name)}").fetchone()[0]  # noqa: S608 - quoted
        for name in names
    }


def quoted(name: str) -> str:
    """Return the name as SQL."""
    return '"' + name.replace('"', '""') + '"'
