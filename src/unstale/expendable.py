"""Whether something kept may go: it is not the only copy of data, and nobody has it open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from unstale.errors import UnstaleError
from unstale.fact import Facts
from unstale.history import Deed, History
from unstale.host import Host

_LIMIT = 1 << 40  # bytes; a look at the live database is bounded by the free disk


def expendable(facts: Facts, home: Path, past: History, run: str) -> bool:
    """Return whether nothing that a run keeps is the only copy of data, and nobody has a file of it open.

    The trash holds what can be made again. A backup goes only where a newer one of the same database is whole and
    the live database can be read; one of which nobody knows the database stays.
    """
    if home.name == "trash":
        return True
    host, place = facts.host, f"{home}/{run}"
    found = [f"{place}/{each.path}" for each in host.walk(place) if each.kind == "file"]
    databases = [path for path in found if _is_database(host, path)]
    live_of = dict(each for deed in past.of(run) for each in _kept(deed))
    known = all(path in live_of for path in databases)  # else nobody knows which database it is of
    return (
        known
        and all(_superseded(facts, past, run, live_of[path]) for path in databases)
        and not _open(host, f"{place}/")
    )


def _is_database(host: Host, path: str) -> bool:
    """Return whether it begins as a SQLite file (fileformat2, 1.2) or a pg_dump archive does."""
    return host.read(path, 16).startswith((b"SQLite format 3\0", b"PGDMP"))


def _kept(deed: Deed) -> Iterator[tuple[str, str]]:
    """Yield (backup, live database) of what takes the step back."""
    data: dict[str, Any] = deed.inverse["data"] if deed.inverse else {}
    if data.get("before") and data.get("path"):
        yield str(data["before"]), str(data["path"])


def _superseded(facts: Facts, past: History, run: str, live: str) -> bool:
    """Return whether a newer backup of the database is whole, and the live one can be read.

    The newest whole one has no newer, so it always stays.
    """
    order = [each.run for each in past.runs]
    later = [each for each in past.deeds if order.index(each.run) > order.index(run)]
    newer = [kept for each in later for kept, path in _kept(each) if path == live]
    whole = any(facts.shared(_flaw, kept) is None for kept in reversed(newer))
    return whole and facts.shared(_readable, live)


def _flaw(host: Host, kept: str) -> str | None:
    return host.database_flaw(kept)


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


def _open(host: Host, inside: str) -> bool:
    """Return whether a process has a file below it open: the log of a server that we started, a restored database."""
    for pid in filter(str.isdigit, host.names("/proc")):
        for link in _quietly(host.names, f"/proc/{pid}/fd"):
            target = "".join(_quietly(host.readlink, f"/proc/{pid}/fd/{link}"))
            if target.startswith(inside):
                return True
    return False


def _quietly(look: Callable[[str], Any], path: str) -> Any:
    try:
        return look(path)
    except OSError:  # it ended, or it is not ours to look at
        return ()
