"""Saves the content of a deleted database while a process of ours keeps it alive, and puts it back."""

from __future__ import annotations

import json
import signal
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unstale.errors import Failed, Halted, Unavailable
from unstale.facts.sqlite_open import filled_tables
from unstale.host import Ident

if TYPE_CHECKING:
    from unstale.action import Keep
    from unstale.host import Host

_LIMIT = 1 << 40  # a copy of the file at the path is made once, whatever its size
_SIDES = ("-wal", "-shm", "-journal")
_NAMES = "SELECT name FROM sqlite_master WHERE type = 'table'"
_HOLDS = ("sleep", "86400")
"""A day in which a killed run can be decided: deleted files live as long as a process has them open (unlink(2))."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A process of ours that does nothing but keep the files alive; `links` are their names."""

    ident: Ident
    links: tuple[str, ...]


def hold(host: Host, held: tuple[str, ...], place: str) -> Holder:
    """Start a holder of the descriptors of ours that `held` names, so that they outlive us, and note it."""
    ours = [int(link.rpartition("/")[2]) for link in held]
    inherit = {3 + at: each for at, each in enumerate(ours)}
    null = "/dev/null"
    ident = host.spawn(_HOLDS, cwd="/", env={}, stdout=null, stderr=null, inherit=inherit)
    words = {"pid": ident.pid, "ticks": ident.ticks, "descriptors": list(inherit)}
    host.write(f"{place}/holder.json", json.dumps(words).encode())
    return _holder(ident, tuple(inherit))


def held_by(host: Host, place: str) -> Holder | None:
    """Return the holder that was noted, None where none was or it is gone."""
    with suppress(FileNotFoundError):
        words = json.loads(host.read(f"{place}/holder.json"))
        ident = Ident(words["pid"], words["ticks"])
        return _holder(ident, tuple(words["descriptors"])) if host.alive(ident) else None
    return None


def _holder(ident: Ident, descriptors: tuple[int, ...]) -> Holder:
    return Holder(ident, tuple(f"/proc/{ident.pid}/fd/{each}" for each in descriptors))


def release(host: Host, holder: Holder) -> None:
    """End the holder."""
    host.signal(holder.ident, signal.SIGTERM)


def newest(host: Host, place: str) -> str:
    """Return the last whole copy that was saved."""
    saved = f"{place}/saved/merged.db"
    return (
        saved if host.stat(saved) and not host.database_flaw(saved) else f"{place}/before/merged.db"
    )


def is_back(host: Host, path: str, place: str) -> bool:
    """Return whether what was saved stands at the path: every table has its rows, or more."""
    merged = f"{place}/saved/merged.db"
    if host.stat(merged) is None or host.stat(path) is None:
        return False
    saved, now = host.digest_database(merged), host.digest_database(path)
    return all(name in now and now[name][0] >= rows for name, (rows, _) in saved.items())


def save(host: Host, held: tuple[str, ...], place: str) -> str:
    """Copy file and WAL, and merge both into one verified file; return its name."""
    for source, suffix in zip(held, ("", "-wal"), strict=False):
        host.copy(source, f"{place}/held.db{suffix}")
    merged = f"{place}/merged.db"
    host.backup_database(f"{place}/held.db", merged)
    host.copy(f"{place}/held.db", f"{place}/alone.db")
    lacking = _tables(host, f"{place}/alone.db") - _tables(host, merged)
    if lacking:
        raise Failed(
            what="the deleted database was not saved whole",
            why=f"with its WAL it lacks {', '.join(sorted(lacking))}: the WAL may be another's",
            next=f"Nothing was put back. Look at both: ls {place}",
        )
    return merged


def _tables(host: Host, path: str) -> frozenset[str]:
    """Return the tables; none of a file that cannot be read without its WAL."""
    with suppress(Unavailable):
        (rows,) = host.query_copy(path, (_NAMES,), limit=_LIMIT)
        return frozenset(str(row[0]) for row in rows or ())
    return frozenset()


def put_back(host: Host, merged: str, path: str, like: str | None, keep: Keep) -> None:
    """Move away what is at the path, if it holds no row, and rename the saved file there."""
    if host.stat(path) is not None:
        filled = filled_tables(host, path, _LIMIT)
        if filled:
            raise Halted(
                what=f"{path} was filled meanwhile",
                why=f"it has rows in {', '.join(filled)}; the saved database is {merged}",
                next=f"Compare them, then keep one: sqlite3 {merged} .tables",
            )
    if host.stat(f"{path}.saved") is not None:  # of a run that was killed
        host.rename(f"{path}.saved", f"{keep.trash}/half-{path.rpartition('/')[2]}")
    host.copy(merged, f"{path}.saved", like=like)
    for suffix in ("", *_SIDES):
        if host.stat(path + suffix) is not None:
            host.rename(path + suffix, f"{keep.trash}/{path.rpartition('/')[2]}{suffix}")
    host.rename(f"{path}.saved", path)
