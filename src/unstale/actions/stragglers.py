"""Ends what a killed run had begun and what works on without it: an installer, a build."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path

from unstale.actions.lifecycle import end, ident_of
from unstale.deploy.home import home_of
from unstale.errors import UsageError
from unstale.fact import Facts
from unstale.hands import MARK
from unstale.host import Host, Ident

_ROUNDS = 5


def end_stragglers(facts: Facts, since: datetime) -> tuple[int, ...]:
    """End each process that works for a run which is gone, in this project, begun after `since`; return their pids.

    A packager that goes on would write into what is put back. What it started ends with it, wherever that stands: uv
    compiles bytecode from its cache's directory. It is looked again until there is none, since they start others.
    """
    host = facts.host
    seconds = host.uptime() - (host.now() - since).total_seconds()
    first = int(seconds * host.ticks_per_second())
    ended: list[int] = []
    for _ in range(_ROUNDS):
        found = _found(facts, first)
        if not found:
            break
        for each in found:
            end(host, (each,))
        ended += [each.pid for each in found]
    return tuple(ended)


def _found(facts: Facts, first: int) -> list[Ident]:
    host, places = facts.host, _places(facts)
    marked: list[tuple[Ident, bytes, bool]] = []
    for name in host.names("/proc"):
        with suppress(OSError, ValueError):
            owner = _abandoned_by(host, name) if name.isdigit() else None
            if owner is not None:
                cwd = Path(host.readlink(f"/proc/{name}/cwd"))
                here = facts.project.contains(cwd) or any(map(cwd.is_relative_to, places))
                ident = ident_of(host, int(name))
                marked += [(ident, owner, here)] if ident.ticks >= first else []
    owners = {owner for _, owner, here in marked if here}
    return [ident for ident, owner, _ in marked if owner in owners]


def _abandoned_by(host: Host, pid: str) -> bytes | None:
    """Return the mark of whoever it works for, None unless that one no longer runs."""
    for each in host.read(f"/proc/{pid}/environ").split(b"\0"):
        name, _, value = each.partition(b"=")
        if name == MARK.encode():
            owner, _, ticks = value.partition(b":")
            return None if host.alive(Ident(int(owner), int(ticks))) else value
    return None


def _places(facts: Facts) -> tuple[Path, ...]:
    """Return where else a run works: the home of releases, which may lie outside of the checkout."""
    try:
        return (home_of(facts.project).path,)
    except UsageError:
        return ()
