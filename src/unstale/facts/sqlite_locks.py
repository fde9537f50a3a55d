"""Who holds a writer's lock on a database, from /proc/locks (proc_locks(5)); no lock is asked for.

Bytes: https://sqlite.org/src/file?name=src/os.h (PENDING_BYTE) and
https://sqlite.org/walformat.html#locks (-shm).
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unstale.fact import Fact, Facts
from unstale.facts.app_processes import AppProcesses
from unstale.facts.processes import ProcessTable
from unstale.facts.sqlite import Databases
from unstale.layer import Standing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unstale.host import Host

_LINE = re.compile(
    r"\d+: (?:-> )?(?:POSIX|OFDLCK)\s+\S+\s+WRITE\s+(-?\d+)\s+"
    r"([0-9a-f]+):([0-9a-f]+):(\d+)\s+(\d+)\s+(\d+|EOF)"
)
_IN_FILE = ((0x40000002, "EXCLUSIVE"), (0x40000001, "RESERVED"), (0x40000000, "PENDING"))
_IN_INDEX = ((120, "WAL write"), (122, "WAL recovery"))
_PAUSE, _SAMPLES = (
    0.1,
    22,
)  # a lock that stands through more than 2 s; a busy writer lets go between


@dataclass(frozen=True, slots=True)
class LockHolder:
    """A process that held the same lock in every sample. `pid` 0 or less: one that proc(5) does
    not show.

    `busy` is the share of the time in which it used a processor. `leader` is set only for a
    process of ours.
    """

    path: str
    lock: str
    pid: int
    ticks: int
    command: str
    state: str
    busy: float
    seconds: float
    leader: int | None
    leader_ticks: int
    leader_command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseLocks(Fact):
    """The writer locks that stood for over two seconds. Costs that time only where one is seen at
    all.
    """

    waits = True

    held: tuple[LockHolder, ...]

    @classmethod
    def gather(cls, facts: Facts) -> DatabaseLocks:
        host, databases = facts.host, facts.get(Databases)
        watched = _watched(host, databases)
        before = _times(host, {pid for _, _, pid in _sample(host, watched)})
        standing, began = _sample(host, watched), host.now()
        for _ in range(_SAMPLES if standing else 0):
            host.sleep(_PAUSE)
            standing &= _sample(host, watched)
            if not standing:
                break
        seconds = (host.now() - began).total_seconds()
        held = [_holder(facts, *each, before=before, seconds=seconds) for each in sorted(standing)]
        return cls(seen_at=host.now(), held=tuple(held))

    def of(self, path: str) -> tuple[LockHolder, ...]:
        """Return who holds a writer's lock on this database."""
        return tuple(each for each in self.held if each.path == path)


def _watched(host: Host, databases: Databases) -> dict[tuple[int, int], str]:
    """Return (device, inode) of each database and its -shm."""
    found = {}
    for file in databases.files:
        for name in (file.path, f"{file.path}-shm"):
            seen = host.stat(name)
            if seen is not None:
                found[seen.device, seen.inode] = name
    return found


def _sample(host: Host, watched: dict[tuple[int, int], str]) -> set[tuple[str, str, int]]:
    return set(_locks(host.read("/proc/locks").decode("ascii", "replace"), watched))


def _locks(text: str, watched: dict[tuple[int, int], str]) -> Iterator[tuple[str, str, int]]:
    """Yield (path, lock, pid). A waiter, marked "->", holds nothing."""
    for line in text.splitlines():
        found = _LINE.match(line)
        if found is None or "-> " in line:
            continue
        device = os.makedev(int(found[2], 16), int(found[3], 16))
        name = watched.get((device, int(found[4])))
        end = 1 << 62 if found[6] == "EOF" else int(found[6])
        lock = name and _named(name, int(found[5]), end)
        if name and lock:
            yield name.removesuffix("-shm"), lock, int(found[1])


def _named(name: str, start: int, end: int) -> str | None:
    names = _IN_INDEX if name.endswith("-shm") else _IN_FILE
    return next((lock for byte, lock in names if start <= byte <= end), None)


def _holder(
    facts: Facts, path: str, lock: str, pid: int, *, before: dict[int, float], seconds: float
) -> LockHolder:
    process = facts.get(ProcessTable).find(pid)
    apps = facts.maybe(AppProcesses)
    mine = {each.pid: each for each in apps.processes} if apps else {}
    app = mine.get(pid)
    leader = mine.get(app.leader) if app and app.standing is Standing.OURS else None
    spent = _times(facts.host, {pid}).get(pid, 0.0) - before.get(pid, 0.0)
    return LockHolder(
        path=path,
        lock=lock,
        pid=pid,
        ticks=process.ticks if process else 0,
        command=process.command if process else "",
        state=process.state if process else "?",
        busy=round(spent / seconds, 2) if seconds else 0.0,
        seconds=round(seconds, 1),
        leader=leader.pid if leader else None,
        leader_ticks=leader.ticks if leader else 0,
        leader_command=leader.command if leader else "",
    )


def _times(host: Host, pids: set[int]) -> dict[int, float]:
    """Return the processor seconds, user and system, that each has used (proc_pid_stat(5), 14 and
    15).
    """
    found = {}
    for pid in pids:
        with suppress(OSError):
            stat = host.read(f"/proc/{pid}/stat").decode("utf-8", "replace")
            fields = stat[stat.rindex(")") + 2 :].split()
            found[pid] = (int(fields[11]) + int(fields[12])) / host.ticks_per_second()
    return found
