"""Saves a database that was deleted while a server holds it open, puts it back and restarts the
server.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from unstale.action import Action, Keep
from unstale.actions.lifecycle import Start, end, family, launch, startable
from unstale.actions.owner import act, owned
from unstale.actions.process import why_not_restart
from unstale.errors import Failed, Halted, Unavailable
from unstale.facts.sqlite import Databases
from unstale.facts.sqlite_open import Leader, filled_tables
from unstale.host import Host, Ident
from unstale.layer import Layer, Risk

if TYPE_CHECKING:
    from unstale.fact import Facts

_LIMIT = 1 << 40  # a copy of the file at the path is made once, whatever its size
_SIDES = ("-wal", "-shm", "-journal")
_NAMES = "SELECT name FROM sqlite_master WHERE type = 'table'"


@dataclass(frozen=True, slots=True)
class SaveAndRestart(Action):
    """Save the content, stop its holders, save again what they wrote last, put it back, start them.

    The descriptors are ours before anything ends, so that the inodes outlive their processes.
    There is no way back to a deleted file; both saved copies and the file that was at the path
    stay in the run's state.
    """

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.DATABASE
    restarts: ClassVar[bool] = True

    path: str
    pid: int
    descriptor: int
    wal: int
    leaders: tuple[Leader, ...]

    def title(self) -> str:
        pids = ", ".join(str(each.pid) for each in self.leaders)
        return f"save the deleted {self.path}, put it back and restart process {pids}"

    def preview(self) -> tuple[str, ...]:
        wals = (self.wal,) if self.wal >= 0 else ()
        saved = saving(self.pid, self.descriptor, wals, "saved.db")
        again = tuple(
            line for each in self.leaders for line in (f"kill -TERM {each.pid}", each.words)
        )
        return (*saved, again[0], f"sqlite3 saved.db '.backup {self.path}'", *again[1:])

    def settled(self, facts: Facts) -> bool:
        return not any(facts.host.alive(Ident(each.pid, each.ticks)) for each in self.leaders)

    def blocked(self, facts: Facts) -> str | None:
        lost = facts.get(Databases).lost(self.path)
        if lost is not None and lost.filled:
            return f"another {self.path} with rows in {', '.join(lost.filled)} is there: choose"
        stops = (why_not_restart(facts, each.pid, each.words) for each in self.leaders)
        return next((why for why in stops if why is not None), None)

    def apply(self, host: Host, keep: Keep) -> None:
        with host.held_open(self._links()) as held:
            _save(
                host, held, f"{keep.state}/before"
            )  # a full disk must show while the server still has it
            starts: list[Start | tuple[str, ...]] = []
            try:
                for each in self.leaders:
                    starts += [_stop(host, each, str(keep.state))]  # kept when the next one fails
                merged = _save(host, held, f"{keep.state}/saved")
                _put_back(host, merged, self.path, held[0], keep)
            finally:
                for start in starts:
                    _start(host, start)

    def _links(self) -> tuple[str, ...]:
        descriptors = (self.descriptor, self.wal) if self.wal >= 0 else (self.descriptor,)
        return tuple(f"/proc/{self.pid}/fd/{each}" for each in descriptors)


def saving(pid: int, descriptor: int, wals: tuple[int, ...], target: str) -> tuple[str, ...]:
    """Return the commands that save a deleted database by hand; of several WALs each to a name of its own."""
    names = [f"{target}-wal"] if len(wals) == 1 else [f"{target}-wal.{wal}" for wal in wals]
    sides = (f"cp /proc/{pid}/fd/{wal} {name}" for wal, name in zip(wals, names, strict=True))
    return (f"cp /proc/{pid}/fd/{descriptor} {target}", *sides)


def _save(host: Host, held: tuple[str, ...], place: str) -> str:
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


def _stop(host: Host, leader: Leader, logs: str) -> Start | tuple[str, ...]:
    """Stop it; return what starts it again: its owner's command, or argv and all."""
    owner = owned(host, leader.pid)
    if owner is not None:
        act(host, owner, "stop")
        return owner
    start = startable(host, leader.pid, logs)
    end(host, family(host, Ident(leader.pid, leader.ticks)))
    return start


def _start(host: Host, start: Start | tuple[str, ...]) -> None:
    if isinstance(start, Start):
        launch(host, start)
    else:
        act(host, start, "start")


def _put_back(host: Host, merged: str, path: str, like: str, keep: Keep) -> None:
    """Move away what is at the path, if it holds no row, and rename the saved file there."""
    if host.stat(path) is not None:
        filled = filled_tables(host, path, _LIMIT)
        if filled:
            raise Halted(
                what=f"{path} was filled meanwhile",
                why=f"it has rows in {', '.join(filled)}; the saved database is {merged}",
                next=f"Compare them, then keep one: sqlite3 {merged} .tables",
            )
    host.copy(merged, f"{path}.saved", like=like)
    for suffix in ("", *_SIDES):
        if host.stat(path + suffix) is not None:
            host.rename(path + suffix, f"{keep.trash}/{path.rpartition('/')[2]}{suffix}")
    host.rename(f"{path}.saved", path)
