"""TCP listeners and who holds them, from /proc/net/tcp (kernel Documentation/networking/proc_net_tcp.rst)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass

from unstale.fact import Fact, Facts
from unstale.facts.processes import ProcessTable
from unstale.host import Host

_LISTEN = "0A"
_ESTABLISHED = "01"


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket; several pids share it after a fork. `pids` is empty when no holder could be read."""

    address: str
    port: int
    inode: int
    uid: int
    pids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners(Fact):
    """The listeners of our network namespace."""

    listeners: tuple[Listener, ...]

    @classmethod
    def gather(cls, facts: Facts) -> Listeners:
        table = facts.get(ProcessTable)
        holders: dict[int, list[int]] = {}
        for held in table.held:
            if held.target.startswith("socket:["):
                holders.setdefault(int(held.target[8:-1]), []).append(held.pid)
        found = [each for fields in _rows(facts.host) if (each := _listener(fields, holders))]
        return cls(seen_at=facts.host.now(), listeners=tuple(found))

    def ports(self, pid: int) -> tuple[int, ...]:
        """Return the ports that the process listens on."""
        return tuple(sorted({each.port for each in self.listeners if pid in each.pids}))

    def on(self, port: int) -> tuple[Listener, ...]:
        """Return the listeners on the port."""
        return tuple(each for each in self.listeners if each.port == port)


def _listener(fields: list[str], holders: dict[int, list[int]]) -> Listener | None:
    if fields[3] != _LISTEN:
        return None
    address, _, port = fields[1].partition(":")
    inode = int(fields[9])
    return Listener(
        _address(address),
        int(port, 16),
        inode,
        int(fields[7]),
        tuple(sorted(set(holders.get(inode, ())))),
    )


def _address(text: str) -> str:
    """Return the printable address: the kernel prints 32-bit words in host byte order."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)  # noqa: PLR2004 - bytes of IPv4


def listening(host: Host) -> tuple[Listener, ...]:
    """Return the listening sockets of now, without their holders."""
    return tuple(each for fields in _rows(host) if (each := _listener(fields, {})))


def sockets_of(host: Host, pid: int) -> dict[int, tuple[int, ...]]:
    """Return the descriptors of each socket that the process holds now, by inode; nothing when it is gone."""
    found: dict[int, tuple[int, ...]] = {}
    with suppress(OSError):
        for name in host.names(f"/proc/{pid}/fd"):
            with suppress(OSError):
                target = host.readlink(f"/proc/{pid}/fd/{name}")
                if target.startswith("socket:["):
                    inode = int(target[8:-1])
                    found[inode] = (*found.get(inode, ()), int(name))
    return found


def listening_ports(host: Host, pids: tuple[int, ...]) -> tuple[int, ...]:
    """Return the ports that any of these processes listens on, read now."""
    inodes = {inode for pid in pids for inode in sockets_of(host, pid)}
    return tuple(sorted({each.port for each in listening(host) if each.inode in inodes}))


def accepted(host: Host, port: int, peer: int) -> int:
    """Return the inode of the server's end of a connection from our port `peer`; 0 until a process accepts it."""
    for fields in _rows(host):
        ends = tuple(int(fields[at].rpartition(":")[2], 16) for at in (1, 2))
        if ends == (port, peer):
            return int(fields[9])
    return 0


def connections(host: Host, ports: AbstractSet[int]) -> dict[int, int]:
    """Return how many bytes each accepted connection to the ports has still to send or to read, by inode."""
    found = {}
    for fields in _rows(host):
        if fields[3] == _ESTABLISHED and int(fields[1].rpartition(":")[2], 16) in ports:
            found[int(fields[9])] = sum(int(size, 16) for size in fields[4].split(":"))
    return found


def _rows(host: Host) -> Iterator[list[str]]:
    for name in ("tcp", "tcp6"):
        with suppress(FileNotFoundError):
            for line in host.read(f"/proc/net/{name}").decode().splitlines()[1:]:
                yield line.split()
