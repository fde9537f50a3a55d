"""Which SQLite files the project's processes hold open, and which of those were deleted; proc(5), /proc/PID/fd."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from unstale.fact import Facts
from unstale.facts.app_processes import AppProcess
from unstale.facts.processes import Held, ProcessTable
from unstale.host import Host
from unstale.project import Project

MAGIC = b"SQLite format 3\0"
_SIDES = ("-wal", "-shm", "-journal")
_DELETED = " (deleted)"


@dataclass(frozen=True, slots=True)
class Deleted:
    """A deleted database that processes still hold: `pid` and its descriptors of the file and, with WAL, of the WAL.

    `wal` is -1 without one. `pids` are all holders, `leader` the process to restart. `beside` is the size of
    the file that is now at the path, None when nothing is there.
    """

    path: str
    pid: int
    ticks: int
    leader: int
    leader_ticks: int
    leader_words: str
    descriptor: int
    wal: int
    size: int
    pids: tuple[int, ...]
    beside: int | None


def held_databases(
    facts: Facts, table: ProcessTable, mine: tuple[AppProcess, ...]
) -> tuple[Held, ...]:
    """Return the databases in the project, or configured ones, that these processes hold; proven by their first bytes."""
    pids = {each.pid for each in mine}
    found = [_named(facts.host, each) for each in table.held if each.pid in pids]
    return tuple(
        each for each in found if _eligible(facts.project, each) and _magic(facts.host, each)
    )


def deleted(
    host: Host, table: ProcessTable, mine: tuple[AppProcess, ...], held: tuple[Held, ...]
) -> tuple[Deleted, ...]:
    """Return the deleted ones, each file once."""
    files: dict[tuple[int, int], list[Held]] = {}
    for each in held:
        seen = host.stat(_link(each)) if each.gone else None
        if seen is not None:
            files.setdefault((seen.device, seen.inode), []).append(each)
    return tuple(_deleted(host, table, mine, holders) for holders in files.values())


def _deleted(
    host: Host, table: ProcessTable, mine: tuple[AppProcess, ...], holders: list[Held]
) -> Deleted:
    first = holders[0]
    by_pid = {each.pid: each for each in mine}
    holder = by_pid[first.pid]
    leader = by_pid.get(holder.leader, holder)
    beside = host.stat(first.target)
    seen = host.stat(_link(first))
    return Deleted(
        path=first.target,
        pid=first.pid,
        ticks=holder.ticks,
        leader=leader.pid,
        leader_ticks=leader.ticks,
        leader_words=leader.command,
        descriptor=first.descriptor,
        wal=next(_sides(host, table, first, "-wal"), -1),
        size=seen.size if seen else 0,
        pids=tuple(sorted({each.pid for each in holders})),
        beside=beside.size if beside else None,
    )


def _sides(host: Host, table: ProcessTable, main: Held, suffix: str) -> Iterator[int]:
    for each in table.held:
        if each.pid == main.pid and _named(host, each).target == f"{main.target}{suffix}":
            yield each.descriptor


def _eligible(project: Project, held: Held) -> bool:
    if held.target.endswith(_SIDES):
        return False
    return project.contains(held.target) or any(
        held.target in each.url for each in project.databases
    )


def _named(host: Host, held: Held) -> Held:
    """Call a file gone also when another hard link keeps it: its name ends in (deleted) and nothing is called so."""
    if held.target.endswith(_DELETED) and host.stat(held.target) is None:
        return replace(held, target=held.target.removesuffix(_DELETED), gone=True)
    return held


def _magic(host: Host, held: Held) -> bool:
    with suppress(OSError):
        return host.read(_link(held), len(MAGIC)) == MAGIC
    return False


def _link(held: Held) -> str:
    return f"/proc/{held.pid}/fd/{held.descriptor}"
