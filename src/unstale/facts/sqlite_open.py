"""Which SQLite files the project's processes hold open, and which of those were deleted; proc(5),
/proc/PID/fd.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from unstale.errors import Unavailable

if TYPE_CHECKING:
    from unstale.fact import Facts
    from unstale.facts.app_process import AppProcess
    from unstale.facts.processes import Held, ProcessTable
    from unstale.host import Host
    from unstale.project import Project

MAGIC = b"SQLite format 3\0"
_SIDES = ("-wal", "-shm", "-journal")
_DELETED = " (deleted)"
_TABLES = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'alembic_version' "
    "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND sql NOT LIKE 'CREATE VIRTUAL%'"
)


@dataclass(frozen=True, slots=True)
class Leader:
    """A process of ours to restart, because it or its child holds the file."""

    pid: int
    ticks: int
    words: str


@dataclass(frozen=True, slots=True)
class Deleted:
    """A deleted database that processes of ours still hold.

    `descriptor` and `wals` are those of `pid`: without a WAL none, and of several only one is its
    own. `certain`: the one is. `pids` are all holders. `beside` is the size of the file that is now
    at the path, None when nothing is there, and `filled` names its tables that hold rows.
    """

    path: str
    pid: int
    descriptor: int
    wals: tuple[int, ...]
    certain: bool
    size: int
    pids: tuple[int, ...]
    leaders: tuple[Leader, ...]
    beside: int | None
    filled: tuple[str, ...]


def held_databases(
    facts: Facts, table: ProcessTable, mine: tuple[AppProcess, ...], named: frozenset[str]
) -> tuple[Held, ...]:
    """Return the databases in the project, or at one of the `named` paths, that these processes
    hold; proven by their first bytes.
    """
    pids = {each.pid for each in mine}
    found = [_named(facts.host, each) for each in table.held if each.pid in pids]
    return tuple(
        each for each in found if _eligible(facts.project, each, named) and _magic(facts.host, each)
    )


def deleted(
    facts: Facts, table: ProcessTable, mine: tuple[AppProcess, ...], held: tuple[Held, ...]
) -> tuple[Deleted, ...]:
    """Return the deleted ones, each file once."""
    files: dict[tuple[int, int], list[Held]] = {}
    for each in held:
        seen = facts.host.stat(_link(each)) if each.gone else None
        if seen is not None:
            files.setdefault((seen.device, seen.inode), []).append(each)
    paths = [holders[0].target for holders in files.values()]
    return tuple(
        _deleted(facts, table, mine, holders, alone=paths.count(holders[0].target) == 1)
        for holders in files.values()
    )


def _deleted(
    facts: Facts,
    table: ProcessTable,
    mine: tuple[AppProcess, ...],
    holders: list[Held],
    *,
    alone: bool,
) -> Deleted:
    host, first = facts.host, holders[0]
    by_pid = {each.pid: each for each in mine}
    apps = [by_pid[each.pid] for each in holders]
    leaders = {leader.pid: leader for each in apps for leader in (by_pid.get(each.leader, each),)}
    beside, seen = host.stat(first.target), host.stat(_link(first))
    wals, certain = _wals(host, table, first, replaced=beside is not None)
    return Deleted(
        path=first.target,
        pid=first.pid,
        descriptor=first.descriptor,
        wals=wals,
        certain=certain and (alone or not wals),
        size=seen.size if seen else 0,
        pids=tuple(sorted({each.pid for each in holders})),
        leaders=tuple(Leader(each.pid, each.ticks, each.command) for each in leaders.values()),
        beside=beside.size if beside else None,
        filled=_filled(facts, first.target) if beside and beside.size else (),
    )


def _filled(facts: Facts, path: str) -> tuple[str, ...]:
    """Return the tables with rows; a file that cannot be read may hold any."""
    try:
        return filled_tables(facts.host, path, facts.options.copy_limit)
    except (Unavailable, OSError):
        return ("?",)


def filled_tables(host: Host, path: str, limit: int) -> tuple[str, ...]:
    """Return the tables that hold rows, alembic's own excepted. Raises Unavailable."""
    (names,) = host.query_copy(path, (_TABLES,), limit=limit)
    tables = [str(row[0]) for row in names or ()]
    quoted = (name.replace('"', '""') for name in tables)
    asked = tuple(f'SELECT 1 FROM "{name}" LIMIT 1' for name in quoted)  # noqa: S608 - quoted
    answers = host.query_copy(path, asked, limit=limit) if asked else ()
    return tuple(name for name, rows in zip(tables, answers, strict=True) if rows)


def _wals(
    host: Host, table: ProcessTable, main: Held, *, replaced: bool
) -> tuple[tuple[int, ...], bool]:
    """Return the descriptors of the WALs that may be the deleted file's, and whether it is sure which one is.

    A server that opens the path again, where now another file is, holds that file's WAL too. Nothing
    in a WAL names its database (https://sqlite.org/fileformat2.html#walformat): only that one file
    was deleted, and one WAL with it, tells them apart.
    """
    files: dict[tuple[int, int], Held] = {}
    for each in table.held:
        named = _named(host, each)
        seen = host.stat(_link(each)) if named.target == f"{main.target}-wal" else None
        if seen is not None and each.pid == main.pid:
            files.setdefault((seen.device, seen.inode), named)
    gone = [each for each in files.values() if each.gone]
    own = gone if replaced and gone else list(files.values())
    certain = len(own) <= 1 and not (replaced and own and not gone)
    return tuple(each.descriptor for each in own), certain


def _eligible(project: Project, held: Held, named: frozenset[str]) -> bool:
    if held.target.endswith(_SIDES):
        return False
    return project.contains(held.target) or held.target in named


def _named(host: Host, held: Held) -> Held:
    """Call a file gone also when another hard link keeps it: its name ends in (deleted) and
    nothing is called so.
    """
    if held.target.endswith(_DELETED) and host.stat(held.target) is None:
        return replace(held, target=held.target.removesuffix(_DELETED), gone=True)
    return held


def _magic(host: Host, held: Held) -> bool:
    with suppress(OSError):
        return host.read(_link(held), len(MAGIC)) == MAGIC
    return False


def _link(held: Held) -> str:
    return f"/proc/{held.pid}/fd/{held.descriptor}"
