"""Replaces a SQLite file that nobody has open by another, so that a crash leaves the old one or the new one."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from unstale.errors import Failed
from unstale.hands import private, sync_directory
from unstale.sqlite_hands import copy, reading

_SIDES = ("-wal", "-shm", "-journal")


def replace(path: str, staged: str, keep: str) -> None:
    """Rename `staged` to `path`; what was there goes to `keep`, its main file last, so that it tells that all is kept.

    A WAL that stayed would be replayed over the new file (https://sqlite.org/howtocorrupt.html, 1.4), so it is moved
    into the old file first; what cannot be, of a damaged one, is kept and removed before the rename.
    """
    place = Path(path)
    try:
        private(Path(keep))
        _settle(place)
        _keep(place, Path(keep))
        for suffix in _SIDES:
            Path(f"{place}{suffix}").unlink(missing_ok=True)
        Path(staged).replace(place)
        sync_directory(place.parent)
    except OSError as error:
        raise Failed(
            what=f"{path} was not replaced",
            why=error.strerror or str(error),
            next=f"What was there is still there, or in {keep}.",
        ) from None


def _settle(place: Path) -> None:
    """Bring WAL and journal into the file, as any last user does.

    One that cannot be read is left: SQLite would take its WAL for empty and delete it.
    """
    if not place.exists():
        return
    try:
        with reading(str(place)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        return
    with suppress(sqlite3.Error), closing(sqlite3.connect(place, timeout=0)) as writer:
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _keep(place: Path, keep: Path) -> None:
    for suffix in (*_SIDES, ""):
        source, target = Path(f"{place}{suffix}"), keep / f"{place.name}{suffix}"
        if not source.exists():
            continue
        target.unlink(missing_ok=True)  # of a run that was killed here; the source is still there
        try:
            target.hardlink_to(source)
        except OSError:  # another filesystem (EXDEV), or one without links
            part = target.with_name(f"{target.name}.part")
            part.unlink(missing_ok=True)
            copy(str(source), str(part), str(source))
            part.rename(target)
    sync_directory(keep)
