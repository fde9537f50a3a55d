"""Reads a SQLite database without touching it: from a private copy of the file and its WAL.

Opening the patient would make, change or delete its -wal and -shm files
(https://sqlite.org/wal.html), even with mode=ro. Lock bytes: "WAL locks" in
https://sqlite.org/walformat.html#locks.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import struct
import tempfile
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unstale.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

Rows = tuple[tuple[Any, ...], ...]

_CHECKPOINT, _READERS = 121, range(123, 128)
_HELD = 0.2  # seconds that our shared locks may stand; they delay a checkpoint, never a writer
_ATTEMPTS = 5
_COUNTER_END = 28  # the change counter is at 24 (fileformat2, 1.3.6)
_CHUNK = 1 << 20
_PATIENCE = 5.0  # seconds that one query may take


def query(
    path: str, statements: tuple[str, ...], *, limit: int, idle: bool
) -> tuple[Rows | None, ...]:
    """Return each statement's rows, None where its table is not there.

    `idle`: nobody has the file open; without WAL and journal it is then read in place as
    immutable, unlocked. `limit` in bytes bounds the copy. Raises Unavailable: too large, always
    changing, damaged, too slow.
    """
    path = os.path.realpath(
        path
    )  # SQLite keeps -wal and -journal beside the file, not beside a link to it
    try:
        os.close(
            os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        )  # "permission denied" is SQLite's "unable to open"
        if idle and not _size(f"{path}-wal") and not _size(f"{path}-journal"):
            return _ask(f"{Path(path).absolute().as_uri()}?mode=ro&immutable=1", statements)
        with _copied(path, limit) as copy:
            return _ask(copy.as_uri(), statements)
    except sqlite3.Error as error:
        raise Unavailable(
            what=f"cannot read {path}",
            why=str(error),
            next=f"sqlite3 {path} 'PRAGMA integrity_check'",
        ) from None


def _ask(uri: str, statements: tuple[str, ...]) -> tuple[Rows | None, ...]:
    until = time.monotonic() + _PATIENCE
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        connection.set_progress_handler(lambda: time.monotonic() > until, 10_000)
        return tuple(rows_of(connection, statement) for statement in statements)


def rows_of(connection: sqlite3.Connection, statement: str) -> Rows | None:
    """Return the rows of a statement, None where its table is not there."""
    try:
        return tuple(connection.execute(statement).fetchall())
    except sqlite3.OperationalError as error:
        if str(error).startswith("no such table"):
            return None
        raise


@contextmanager
def _copied(path: str, limit: int) -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="unstale-"))  # 0700
    try:
        _require_room(path, limit, place)
        copy = place / "copy.db"
        if not any(_copy(path, copy) for _ in range(_ATTEMPTS)):
            raise Unavailable(
                what=f"cannot copy {path}",
                why="it changed during each of five copies",
                next="Look again later.",
            )
        yield copy
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _require_room(path: str, limit: int, place: Path) -> None:
    needed = sum(_size(f"{path}{suffix}") for suffix in ("", "-wal", "-journal"))
    room = min(limit, shutil.disk_usage(place).free // 10)
    if needed > room:
        raise Unavailable(
            what=f"cannot copy {path}",
            why=f"{needed >> 20} MiB are more than the {room >> 20} MiB that a copy may take",
            next=f"Allow more, or look yourself: sqlite3 {path} .schema",
        )


def _copy(path: str, copy: Path) -> bool:
    """Copy file, journal and WAL; return whether nothing moved meanwhile.

    The main file changes by commits (rollback mode) or checkpoints (WAL mode); both show in its
    stat or change counter. Only the WAL, which may be reset once all of it is checkpointed, is
    copied under locks.
    """
    before = _marks(path)
    _transfer(path, copy)
    _transfer(f"{path}-journal", Path(f"{copy}-journal"))
    with _no_checkpoint(path) as quiet:
        _transfer(f"{path}-wal", Path(f"{copy}-wal"), time.monotonic() + _HELD)
        return quiet and _marks(path) == before and _counter(str(copy)) == _counter(path)


def _marks(path: str) -> tuple[object, ...]:
    marks: list[object] = []
    for name in (path, f"{path}-journal"):
        try:
            seen = Path(name).stat()
            marks.append((seen.st_ino, seen.st_size, seen.st_mtime_ns))
        except FileNotFoundError:
            marks.append(None)
    with suppress(OSError), Path(f"{path}-shm").open("rb") as index:
        index.seek(
            32
        )  # salts at 32, of the first header copy; nBackfill at 96 (walformat, "WAL-index header")
        salts = index.read(8)
        index.seek(96)
        marks.append((salts, index.read(4)))
    return tuple(marks)


def _counter(path: str) -> int:
    with Path(path).open("rb") as file:
        header = file.read(_COUNTER_END)
    return int(struct.unpack(">I", header[24:])[0]) if len(header) == _COUNTER_END else 0


def _transfer(source: str, target: Path, until: float | None = None) -> None:
    target.unlink(missing_ok=True)
    with suppress(FileNotFoundError), Path(source).open("rb") as read, target.open("xb") as write:
        while chunk := read.read(_CHUNK):
            write.write(chunk)
            if until is not None and time.monotonic() > until:
                raise Unavailable(
                    what=f"cannot copy {source}",
                    why=f"it takes over {_HELD * 1000:.0f} ms, in which no checkpoint can run",
                    next=f"sqlite3 {source.removesuffix('-wal')} 'PRAGMA wal_checkpoint'",
                )


@contextmanager
def _no_checkpoint(path: str) -> Iterator[bool]:
    """Hold what a reader holds, shared, so that no checkpoint and no WAL reset begins; False when
    one is at work.
    """
    try:
        descriptor = os.open(f"{path}-shm", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield True
        return
    try:
        yield all(_shared(descriptor, byte) for byte in (_CHECKPOINT, *_READERS))
    finally:
        os.close(descriptor)  # ends our locks


def _shared(descriptor: int, byte: int) -> bool:
    until = time.monotonic() + _HELD / 8
    while True:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, byte)
        except OSError:
            if time.monotonic() > until:
                return False
            time.sleep(0.002)
        else:
            return True


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except FileNotFoundError:
        return 0
