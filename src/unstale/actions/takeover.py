"""Puts a successor on the listening sockets of a running server, proves it there, and only then ends the old one.

Both accept from the same queue meanwhile, so no connection is refused; a successor that does not come up
costs nothing, because the old one was never stopped.
"""

from __future__ import annotations

import os
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import PurePath

from unstale.actions.given import numbers
from unstale.actions.lifecycle import (
    SHIM,
    START,
    VARIABLE,
    Start,
    end,
    family,
    ident_of,
    spawn,
)
from unstale.actions.said import last_lines, said_before
from unstale.errors import Failed
from unstale.facts.commands import parse
from unstale.facts.environ import environ_of
from unstale.facts.sockets import accepted, listening, sockets_of
from unstale.host import Host, Ident

PASSES = 3
"""Answers that prove a successor at each address, each on a connection that it accepted itself."""

_ACCEPT = 1.0  # seconds that a busy server may take to accept
_ANSWER = 10.0  # seconds that a first answer may take
_BINDS_ELSEWHERE = frozenset({"granian"})  # in Rust, which no Python hook sees
_SERVER_ERROR = 500
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where we knock, not where we listen


@dataclass(frozen=True, slots=True)
class Door:
    """A listening socket of a running server: `descriptors` are the numbers under which `holder` has it."""

    address: str
    port: int
    inode: int
    holder: Ident
    descriptors: tuple[int, ...]


def doors_of(host: Host, idents: tuple[Ident, ...]) -> tuple[Door, ...]:
    """Return the TCP listeners of a server and its workers, each once, with the topmost process that has it."""
    held: dict[int, tuple[Ident, tuple[int, ...]]] = {}
    for each in reversed(idents):
        held.update((inode, (each, fds)) for inode, fds in sockets_of(host, each.pid).items())
    return tuple(
        Door(each.address, each.port, each.inode, *held[each.inode])
        for each in listening(host)
        if each.inode in held
    )


def hindrance(start: Start, doors: tuple[Door, ...]) -> str | None:
    """Return why no successor can be put beside this process, or None."""
    if not doors:
        return "it listens on no TCP port"
    if numbers(start.argv, start.env):
        return None
    if len({(each.address, each.port) for each in doors}) < len(doors):
        return "it listens more than once on one address (SO_REUSEPORT)"
    program = parse(start.argv).program
    if program in _BINDS_ELSEWHERE:
        return f"{program} opens its listener outside of Python"
    flags = _interpreter_flags(start.argv)
    if any(letter in flag for flag in flags for letter in "IES"):
        return f"its interpreter was started with {' '.join(flags)}"
    alone = program == "gunicorn" and any(each.startswith(("-p", "--pid")) for each in start.argv)
    return "its pid file allows one master at a time" if alone else None


def hand_over(host: Host, start: Start, old: tuple[Ident, ...], doors: tuple[Door, ...]) -> None:
    """Start the successor and prove it at every door, beside the old one, which may then end.

    Raises Failed: the successor did not come up and is ended. Raises OSError before anything was started,
    where the kernel does not let us share the sockets.
    """
    usual = {_status(host, old, door, start) for door in doors}
    with ExitStack() as stack:
        shared = [
            (door, stack.enter_context(host.taken(door.holder, door.descriptors[:1]))[0])
            for door in doors
        ]
        said = said_before(host, start)
        new = _begin(host, start, shared)
        try:
            for door in doors:
                prove(host, new, door, start, usual=usual)
        except (Failed, OSError) as error:
            why = last_lines(host, start, said) or getattr(error, "why", str(error))
            left = family(host, new) if host.alive(new) else successors(host, doors, old)
            if left:
                end(host, left)
            raise Failed(
                what=f"the new process {new.pid} did not come up; the old one was never stopped",
                why=why,
                next=f"Read {start.stderr}.",
            ) from None


def _begin(host: Host, start: Start, shared: list[tuple[Door, int]]) -> Ident:
    wanted = numbers(start.argv, start.env)
    if wanted:
        if "LISTEN_FDS" in start.env:  # sd_listen_fds(3): the pid must be the reader's
            script = 'export LISTEN_PID=$$; exec "$@"'
            start = replace(start, argv=("/bin/sh", "-c", script, "sh", *start.argv))
        return spawn(host, start, {VARIABLE: ""}, _numbered(wanted, shared))
    rest = start.env.get("PYTHONPATH")
    path = os.pathsep.join((str(SHIM), rest) if rest else (str(SHIM),))
    listeners = " ".join(str(ours) for _, ours in shared)
    more = {VARIABLE: listeners, "PYTHONPATH": path}
    return spawn(host, start, more, {ours: ours for _, ours in shared})


def _numbered(wanted: tuple[int, ...], shared: list[tuple[Door, int]]) -> dict[int, int]:
    """Return ours by the number that the successor looks under: the old one may have it under another by now."""
    kept = {each: ours for door, ours in shared for each in door.descriptors if each in wanted}
    moved = [ours for _, ours in shared if ours not in kept.values()]
    return {**kept, **dict(zip((each for each in wanted if each not in kept), moved, strict=False))}


def prove(
    host: Host,
    leader: Ident,
    door: Door,
    start: Start,
    *,
    usual: AbstractSet[int] = frozenset(),
    but: tuple[Ident, ...] = (),
) -> None:
    """Wait for answers of the leader's family, `but` excepted, that are no server error or `usual`. Raises Failed."""
    passes, until = 0, host.uptime() + START
    while passes < PASSES:
        why = "it ended" if not host.alive(leader) else None
        why = f"it did not answer within {START:g} s" if host.uptime() > until else why
        if why:
            raise Failed(
                what=f"process {leader.pid} did not come up",
                why=last_lines(host, start, 0) or why,
                next=f"Read {start.stderr}.",
            )
        members = tuple(each for each in family(host, leader) if each not in but)
        status = _status(host, members, door, start)
        passes += bool(status) and (status < _SERVER_ERROR or status in usual)
        host.sleep(0.02)


def _status(host: Host, idents: tuple[Ident, ...], door: Door, start: Start) -> int:
    """Return the status of GET / on a connection that one of the processes accepted, 0 where none did or answered."""
    tls = any(word.startswith(("--ssl-", "--certfile", "--cert")) for word in start.argv)
    with (
        suppress(OSError),
        host.visit(_EVERYWHERE.get(door.address, door.address), door.port, tls=tls) as visit,
    ):
        until = host.uptime() + _ACCEPT
        while not (inode := accepted(host, door.port, visit.port)) and host.uptime() < until:
            host.sleep(0.005)
        if inode and any(inode in sockets_of(host, each.pid) for each in idents):
            return visit.ask("/", _ANSWER)
    return 0


def successors(host: Host, doors: tuple[Door, ...], old: tuple[Ident, ...]) -> tuple[Ident, ...]:
    """Return who shares the doors with the old process by a take-over of ours, parents first."""
    known, inodes = {each.pid for each in old}, {each.inode for each in doors}
    found = []
    for pid in sorted(int(name) for name in host.names("/proc") if name.isdigit()):
        with suppress(OSError):
            shares = pid not in known and inodes & sockets_of(host, pid).keys()
            if shares and VARIABLE in environ_of(host, pid):
                found.append(ident_of(host, pid))
    return tuple(found)


def _interpreter_flags(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Return what stands between the interpreter and the script or -m."""
    flags: list[str] = []
    for word in argv[1:] if PurePath(argv[0]).name.startswith(("python", "pypy")) else ():
        if not word.startswith("-") or word.startswith(("-m", "-c")):
            break
        if not word.startswith(("-X", "-W", "--")):
            flags.append(word)
    return tuple(flags)
