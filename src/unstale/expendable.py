"""Whether a kept database may go: a newer copy of it is whole, the live one can be read, and nobody has a file open.

A dump is whole while its bytes are those that were verified when it was made. A database that a restore keeps on its
server is dropped by a person alone; the run that names it stays as long.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unstale.errors import UnstaleError
from unstale.fact import Facts
from unstale.history import Deed, History
from unstale.host import Host
from unstale.stores.find import stores
from unstale.stores.note import Note, note_of
from unstale.stores.postgres import KEPT, PostgresStore
from unstale.stores.sqlite import SqliteStore

_MOVED, _KEPT = 2, 64  # levels below a run: STEP/what was moved; STEP/saved/merged.db
_LIMIT = 1 << 40  # bytes; a look at the live database is bounded by the free disk


@dataclass(frozen=True, slots=True)
class Copy:
    """A kept database file, or what names one on a server, and the live one that it is of, where that is known.

    `server`: it is of a PostgreSQL database, and `live` is that one's label.
    """

    run: str
    path: str
    live: str | None
    server: bool = False


def copies(host: Host, home: Path, past: History) -> tuple[Copy, ...]:
    """Return the databases that each run keeps, in the journal's order.

    Which one a file is of is said by the inverse that would bring it back, or by the note beside it (FILE.json).
    In the trash that is what was moved as such, not what lies in a moved directory.
    """
    return tuple(each for begun in past.runs for each in _copies(host, home, past, begun.run))


def _copies(host: Host, home: Path, past: History, run: str) -> Iterator[Copy]:
    place = f"{home}/{run}"
    seen = host.stat(place, follow=False)
    depth = _MOVED if home.name == "trash" else _KEPT
    entries = host.walk(place, depth=depth) if seen is not None and seen.kind == "dir" else ()
    named = dict(each for deed in past.of(run) for each in _kept(deed))
    for path in (f"{place}/{each.path}" for each in entries if each.kind == "file"):
        if Path(path).name == KEPT:
            yield Copy(run, path, named.get(str(Path(path).parent)), server=True)
        elif path in named or _is_database(host, path):
            kind, label = _noted(host, path)
            if kind == PostgresStore.kind:
                yield Copy(run, path, label, server=True)
            else:
                yield Copy(run, path, named.get(path) or (label if kind == "sqlite" else None))


def expendable(facts: Facts, home: Path, run: str, known: tuple[Copy, ...]) -> bool:
    """Return whether the directory that a run keeps holds no only copy of data, and no file that is in use.

    A file of which nobody knows the database is the only copy.
    """
    mine = (each for each in known if each.run == run)
    return all(_superseded(facts, each, known) for each in mine) and not _open(
        facts.host, f"{home}/{run}"
    )


def _superseded(facts: Facts, copy: Copy, known: tuple[Copy, ...]) -> bool:
    """Return whether a newer run's copy is whole and the live one can be read; the newest whole one has no newer."""
    if copy.live is None:
        return False
    later = known[known.index(copy) + 1 :]
    newer = [each.path for each in later if each.live == copy.live and each.run != copy.run]
    if copy.server:
        return _superseded_dump(facts, copy, newer)
    return facts.shared(_readable, copy.live) and any(
        facts.shared(_flaw, path) is None
        and (facts.shared(_filled, path) or not facts.shared(_filled, copy.path))
        for path in reversed(newer)
    )


def _superseded_dump(facts: Facts, copy: Copy, newer: list[str]) -> bool:
    """Return the same of a dump; of a database kept on the server, whether it is gone. Not knowing is no."""
    try:
        store = next((each for each in stores(facts) if each.label == copy.live), None)
        if not isinstance(store, PostgresStore):
            return False
        if Path(copy.path).name == KEPT:
            return not store.replaced(facts.host, str(Path(copy.path).parent))
        has = facts.shared(note_of, copy.path)
        whole = (each for each in reversed(newer) if _as_verified(facts, has, each))
        return next(whole, None) is not None and _has_tables(facts, store)
    except (UnstaleError, OSError, ValueError):
        return False


def _as_verified(facts: Facts, older: Note | None, path: str) -> bool:
    """Return whether a newer dump is what its note says, and is not empty where the older one has rows."""
    note = facts.shared(note_of, path)
    if note is None or older is None or (_rows(older) and not _rows(note)):
        return False
    return facts.shared(_sum, path) == note.sum


def _rows(note: Note) -> int:
    return sum(rows for name, rows in note.rows.items() if name != "alembic_version")


def _sum(host: Host, path: str) -> str:
    return host.hash(path)


def _has_tables(facts: Facts, store: PostgresStore) -> bool:
    return any(each.kind == "table" for each in store.schema(facts.host))


def _flaw(host: Host, path: str) -> str | None:
    return host.database_flaw(path)


def _filled(host: Host, path: str) -> bool:
    """Return whether it holds rows; of one that cannot be read nobody knows that it holds none."""
    try:
        rows = SqliteStore(path).rows(host)
    except (UnstaleError, OSError):
        return True
    return any(count for name, count in rows.items() if name != "alembic_version")


def _is_database(host: Host, path: str) -> bool:
    """Return whether it begins as a SQLite file (fileformat2, 1.2) or a pg_dump archive does, or may not be read."""
    try:
        return host.read(path, 16).startswith((b"SQLite format 3\0", b"PGDMP"))
    except PermissionError:
        return True


def _kept(deed: Deed) -> Iterator[tuple[str, str]]:
    """Yield (copy, live database) of what takes the step back: a backup, or the directory of a replaced file."""
    data: dict[str, Any] = deed.inverse["data"] if deed.inverse else {}
    live = str(data.get("path") or "")
    if live.startswith("/") and data.get("before"):
        yield str(data["before"]), live
    if live.startswith("/") and data.get("kept"):
        yield f"{data['kept']}/{Path(live).name}", live
    if live and data.get("kept"):
        yield str(data["kept"]), live


def _noted(host: Host, path: str) -> tuple[str, str | None]:
    """Return the kind and the label of the live database that the note beside a file names."""
    try:
        note = json.loads(host.read(f"{path}.json"))
        return str(note["kind"]), str(note["label"])
    except (KeyError, OSError, TypeError, ValueError):
        return "", None


def _readable(host: Host, live: str) -> bool:
    seen = host.stat(live)
    if seen is None or not seen.size:
        return False
    try:
        (tables,) = host.query_copy(
            live, ("SELECT count(*) FROM sqlite_master",), limit=_LIMIT, idle=True
        )
    except (UnstaleError, OSError):
        return False
    return bool(tables and tables[0][0])


def _open(host: Host, place: str) -> bool:
    """Return whether a process has a file in it open: the log of a server that we started, a restored database."""
    for pid in filter(str.isdigit, host.names("/proc")):
        for link in _quietly(host.names, f"/proc/{pid}/fd"):
            target = "".join(_quietly(host.readlink, f"/proc/{pid}/fd/{link}"))
            if target.startswith(f"{place}/"):
                return True
    return False


def _quietly(look: Callable[[str], Any], path: str) -> Any:
    try:
        return look(path)
    except OSError:  # it ended, or it is not ours to look at
        return ()
