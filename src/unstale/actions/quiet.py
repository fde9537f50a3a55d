"""The moment at which a server that drops what it has begun may end: when nobody waits for its answer."""

from __future__ import annotations

import signal
from collections.abc import Set as AbstractSet

from unstale.actions.lifecycle import argv_of
from unstale.facts.commands import parse
from unstale.facts.sockets import connections, sockets_of
from unstale.host import Host, Ident

PATIENCE = 2.0
"""Seconds to wait for that moment; a busy server may never have one."""

_FINISH = frozenset({"uvicorn", "fastapi", "gunicorn", "hypercorn", "granian"})


def open_connections(host: Host, idents: tuple[Ident, ...], ports: AbstractSet[int]) -> set[int]:
    """Return the inodes of the connections that the processes have accepted on these ports."""
    return set(_unread(host, idents, ports))


def term_when_quiet(
    host: Host, idents: tuple[Ident, ...], ports: AbstractSet[int], *, idle: AbstractSet[int]
) -> None:
    """TERM the first, unless it then finishes what it has begun, when none has more than `idle` connections.

    A stopped process accepts nothing, so that what was seen still holds when it is signalled. From outside a
    request that is being worked on looks like a connection that is kept for the next one: `idle` are those that
    were open before the successor started, and count only while they have something to read or to send.
    """
    if parse(argv_of(host, idents[0].pid)).program in _FINISH:
        return
    until = host.uptime() + PATIENCE
    try:
        while host.uptime() < until:
            if not _busy(host, idents, ports, idle):
                _tell(host, idents, signal.SIGSTOP)
                if not _busy(host, idents, ports, idle):
                    break
                _tell(host, idents, signal.SIGCONT)
            host.sleep(0.002)
        host.signal(idents[0], signal.SIGTERM)
    finally:
        _tell(host, idents, signal.SIGCONT)


def _busy(
    host: Host, idents: tuple[Ident, ...], ports: AbstractSet[int], idle: AbstractSet[int]
) -> bool:
    unread = _unread(host, idents, ports)
    return any(unread.values()) or not unread.keys() <= idle


def _tell(host: Host, idents: tuple[Ident, ...], number: int) -> None:
    for each in idents:
        host.signal(each, number)


def _unread(host: Host, idents: tuple[Ident, ...], ports: AbstractSet[int]) -> dict[int, int]:
    held = {inode for each in idents for inode in sockets_of(host, each.pid)}
    return {inode: size for inode, size in connections(host, ports).items() if inode in held}
