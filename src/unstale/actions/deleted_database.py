"""Saves a database that was deleted while a server holds it open, puts it back and restarts the
server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from unstale import codec
from unstale.action import Action, Decided, Keep
from unstale.actions.given import why_not_stop
from unstale.actions.lifecycle import Start, end, family, launch, startable
from unstale.actions.owner import act, owned
from unstale.actions.presence import runs
from unstale.actions.process import why_not_restart
from unstale.actions.saved_database import held_by, hold, is_back, newest, put_back, release, save
from unstale.actions.stopping import keep_start, kept_starts, outlived
from unstale.errors import Failed
from unstale.facts.sqlite import Databases
from unstale.facts.sqlite_open import Leader
from unstale.host import Host, Ident
from unstale.layer import Layer, Risk
from unstale.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from unstale.fact import Facts


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
        stops = (
            why_not_restart(facts, each.pid, each.words) or why_not_stop(facts.host, each.pid)
            for each in self.leaders
        )
        return next((why for why in stops if why is not None), None)

    def apply(self, host: Host, keep: Keep) -> None:
        with host.held_open(self._links()) as held:
            save(
                host, held, f"{keep.state}/before"
            )  # a full disk must show while the server has it
            holder = hold(host, held, str(keep.state))
            self._finish(host, keep, held, "saved")
            release(host, holder)

    def recover(self, facts: Facts, keep: Keep) -> Decided:
        """Finish it: what was stopped must run again, on what the holder kept, unless somebody started it since."""
        host = facts.host
        holder = held_by(host, str(keep.state))
        stopped = kept_starts(host, f"{keep.state}/stopped")
        alive = all(host.alive(Ident(each.pid, each.ticks)) for each in self.leaders)
        if alive and not stopped:
            words = "no server was stopped"
        elif is_back(host, self.path, str(keep.state)):
            _start_all(host, f"{keep.state}/stopped", facts)
            words = "the content was at its path, and the servers run again"
        elif holder is None:  # the machine was restarted
            self._require_unused(host, newest(host, str(keep.state)))
            put_back(host, newest(host, str(keep.state)), self.path, None, keep)
            _start_all(host, f"{keep.state}/stopped", facts)
            words = "what was saved is at its path, and the servers run again"
        else:
            self._require_unused(host, newest(host, str(keep.state)))
            self._finish(host, keep, holder.links, f"recovered-{host.now():%H%M%S}", facts)
            words = "the content is at its path, and the servers run again"
        if holder is not None:
            release(host, holder)
        return Decided(done=not words.startswith("no server"), words=words)

    def _require_unused(self, host: Host, saved: str) -> None:
        """Refuse to take the file at the path from under a process that was started after the kill."""
        stopped = not any(host.alive(Ident(each.pid, each.ticks)) for each in self.leaders)
        if host.stat(self.path) is None or not stopped:
            return
        used = SqliteStore(self.path).users(host)
        if used:
            raise Failed(
                what=f"{self.path} is not put back",
                why=f"{', '.join(used)} was started meanwhile and uses what is there",
                next=f"Stop it, then: cp {saved} {self.path}",
            )

    def _finish(
        self, host: Host, keep: Keep, held: tuple[str, ...], name: str, facts: Facts | None = None
    ) -> None:
        place = f"{keep.state}/stopped"
        host.makedirs(place)
        try:
            for each in self.leaders:
                if host.alive(Ident(each.pid, each.ticks)):
                    _stop(host, each, place)
            merged = save(host, held, f"{keep.state}/{name}")
            put_back(host, merged, self.path, held[0], keep)
        finally:
            _start_all(host, place, facts)

    def _links(self) -> tuple[str, ...]:
        descriptors = (self.descriptor, self.wal) if self.wal >= 0 else (self.descriptor,)
        return tuple(f"/proc/{self.pid}/fd/{each}" for each in descriptors)


def saving(pid: int, descriptor: int, wals: tuple[int, ...], target: str) -> tuple[str, ...]:
    """Return the commands that save a deleted database by hand; of several WALs each to a name of its own."""
    names = [f"{target}-wal"] if len(wals) == 1 else [f"{target}-wal.{wal}" for wal in wals]
    sides = (f"cp /proc/{pid}/fd/{wal} {name}" for wal, name in zip(wals, names, strict=True))
    return (f"cp /proc/{pid}/fd/{descriptor} {target}", *sides)


def _stop(host: Host, leader: Leader, place: str) -> None:
    """Stop it; `place` keeps what starts it again: its owner's command, or argv and all."""
    path = f"{place}/{leader.pid}.json"
    owner = owned(host, leader.pid)
    if owner is not None:
        keep_start(host, path, owner=owner)
        act(host, owner, "stop")
        return
    own = Ident(leader.pid, leader.ticks)
    keep_start(host, path, start=startable(host, leader.pid, place), own=own)
    end(host, family(host, own))


def _start_all(host: Host, place: str, facts: Facts | None) -> None:
    """Start each that does not run; `facts` where somebody else may have started it since it was stopped."""
    for path, kept in kept_starts(host, place):
        if kept["owner"]:
            act(host, tuple(kept["owner"]), "start")
        elif not outlived(host, kept):
            start = codec.decode(Start, kept["start"])
            if facts is None or not runs(facts.again(), start):
                launch(host, start)
        host.write(path, b"")  # it held the environment
