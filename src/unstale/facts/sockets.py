"""TCP listeners and who holds them, from /proc/net/tcp (kernel Documentation/networking/proc_net_tcp.rst)."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from dataclasses import dataclass

from unstale.fact import Fact, Facts
from unstale.facts.processes import ProcessTable
from unstale.host import Host

_LISTEN = "0A"


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
        found: list[Listener] = []
        for name in ("tcp", "tcp6"):
            with suppress(FileNotFoundError):
                text = facts.host.read(f"/proc/net/{name}").decode()
                found += [
                    each for line in text.splitlines()[1:] if (each := _listener(line, holders))
                ]
        return cls(seen_at=facts.host.now(), listeners=tuple(found))

    def ports(self, pid: int) -> tuple[int, ...]:
        """Return the ports that the process listens on."""
        return tuple(sorted({each.port for each in self.listeners if pid in each.pids}))

    def on(self, port: int) -> tuple[Listener, ...]:
        """Return the listeners on the port."""
        return tuple(each for each in self.listeners if each.port == port)


def _listener(line: str, holders: dict[int, list[int]]) -> Listener | None:
    fields = line.split()
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


def listening_ports(host: Host, pids: tuple[int, ...]) -> tuple[int, ...]:
    """Return the ports that any of these processes listens on, read now."""
    inodes = set()
    for pid in pids:
        with suppress(OSError):
            for name in host.names(f"/proc/{pid}/fd"):
                with suppress(OSError):
                    target = host.readlink(f"/proc/{pid}/fd/{name}")
                    if target.startswith("socket:["):
                        inodes.add(int(target[8:-1]))
    found = set()
    for name in ("tcp", "tcp6"):
        with suppress(FileNotFoundError):
            lines = host.read(f"/proc/net/{name}").decode().splitlines()[1:]
            found |= {
                each.port
                for line in lines
                if (each := _listener(line, {})) and each.inode in inodes
            }
    return tuple(sorted(found))
