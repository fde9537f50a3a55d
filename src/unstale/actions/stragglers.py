"""Ends what a killed run had begun and what works on without it: an installer, a build."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from unstale.actions.lifecycle import end, ident_of
from unstale.fact import Facts
from unstale.hands import MARK
from unstale.host import Host, Ident


def end_stragglers(facts: Facts, since: datetime) -> tuple[int, ...]:
    """End each process that works for a run which is gone, in this project, begun after `since`; return their pids.

    A packager that goes on would write into what is put back. What it started before ends with it.
    """
    host = facts.host
    seconds = host.uptime() - (host.now() - since).total_seconds()
    first = int(seconds * host.ticks_per_second())
    found = []
    for name in host.names("/proc"):
        with suppress(OSError, ValueError):
            if name.isdigit() and _abandoned(host, name) and _here(facts, name):
                ident = ident_of(host, int(name))
                found += [ident] if ident.ticks >= first else []
    for each in found:
        end(host, (each,))
    return tuple(each.pid for each in found)


def _abandoned(host: Host, pid: str) -> bool:
    """Return whether the process is marked as somebody's who no longer runs."""
    for each in host.read(f"/proc/{pid}/environ").split(b"\0"):
        name, _, value = each.partition(b"=")
        if name == MARK.encode():
            owner, _, ticks = value.partition(b":")
            return not host.alive(Ident(int(owner), int(ticks)))
    return False


def _here(facts: Facts, pid: str) -> bool:
    return facts.project.contains(facts.host.readlink(f"/proc/{pid}/cwd"))
