"""Every process that we may read, from proc(5), and what it holds open."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from unstale.errors import Unavailable
from unstale.fact import Fact, Facts
from unstale.facts.files import text_of
from unstale.host import Host
from unstale.redact import mask_words

_DELETED = " (deleted)"


@dataclass(frozen=True, slots=True)
class Process:
    """One process. `words` is its argv with secrets masked; `confined` means another pid namespace (a container).

    `cwd_gone`: the directory that it stands in was deleted or replaced. `tty` is 0 without a terminal.
    """

    pid: int
    ppid: int
    ticks: int
    started_at: datetime
    state: str
    uid: int
    sid: int
    tty: int
    words: tuple[str, ...]
    cwd: str
    cwd_gone: bool
    exe: str
    cgroup: str
    confined: bool

    @property
    def command(self) -> str:
        """Return the masked command line."""
        return " ".join(self.words)


@dataclass(frozen=True, slots=True)
class Held:
    """A file or socket that a process holds open; `gone` when its name was deleted."""

    pid: int
    descriptor: int
    target: str
    gone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessTable(Fact):
    """The processes, `ours` the pids of this run and its ancestors, and the open files and sockets."""

    processes: tuple[Process, ...]
    held: tuple[Held, ...]
    ancestors: tuple[int, ...]

    @classmethod
    def gather(cls, facts: Facts) -> ProcessTable:
        host = facts.host
        if host.stat("/proc/self/stat") is None:
            raise Unavailable(
                what="cannot list processes",
                why="this system has no /proc",
                next="Run on Linux, or look with ps yourself.",
            )
        now, uptime, rate = host.now(), host.uptime(), host.ticks_per_second()
        own = host.readlink("/proc/self/ns/pid")
        processes = []
        held: list[Held] = []
        for name in host.names("/proc"):
            if name.isdigit():
                with suppress(OSError):
                    process = _process(host, int(name), now, uptime, rate, own)
                    processes.append(process)
                    held += _held(host, process.pid)
        return cls(
            seen_at=now,
            processes=tuple(processes),
            held=tuple(held),
            ancestors=_ancestors({each.pid: each.ppid for each in processes}, os.getpid()),
        )

    def find(self, pid: int) -> Process | None:
        """Return the process of that pid."""
        return next((each for each in self.processes if each.pid == pid), None)


def _process(  # noqa: PLR0917 - what one look needs
    host: Host, pid: int, now: datetime, uptime: float, rate: int, own: str
) -> Process:
    stat = host.read(f"/proc/{pid}/stat").decode("utf-8", "replace")
    fields = stat[stat.rindex(")") + 2 :].split()
    raw = host.read(f"/proc/{pid}/cmdline").decode("utf-8", "surrogateescape")
    cwd, gone = _place(host, f"/proc/{pid}/cwd")
    return Process(
        pid=pid,
        ppid=int(fields[1]),
        ticks=int(fields[19]),
        started_at=now - timedelta(seconds=uptime - int(fields[19]) / rate),
        state=fields[0],
        uid=_owner(host, pid),
        sid=int(fields[3]),
        tty=int(fields[4]),
        words=mask_words(tuple(raw.rstrip("\0").split("\0")) if raw else ()),
        cwd=cwd,
        cwd_gone=gone,
        exe=_link(host, f"/proc/{pid}/exe"),
        cgroup=text_of(host, f"/proc/{pid}/cgroup").strip().rpartition("\n")[2],
        confined=_link(host, f"/proc/{pid}/ns/pid") not in (own, ""),
    )


def _owner(host: Host, pid: int) -> int:
    seen = host.stat(f"/proc/{pid}")
    return seen.uid if seen else -1


def _place(host: Host, path: str) -> tuple[str, bool]:
    """Return the link's target and whether it is gone: the text ends so and no name is left (a name may end so)."""
    target = _link(host, path)
    if not target.endswith(_DELETED):
        return target, False
    seen = None
    with suppress(OSError):
        seen = host.stat(path)
    if seen is not None and seen.links > 0:
        return target, False
    return target.removesuffix(_DELETED), True


def _link(host: Host, path: str) -> str:
    with suppress(OSError):
        return host.readlink(path)
    return ""


def _held(host: Host, pid: int) -> list[Held]:
    found = []
    with suppress(OSError):
        for name in host.names(f"/proc/{pid}/fd"):
            target = _link(host, f"/proc/{pid}/fd/{name}")
            if target.startswith("socket:["):
                found.append(Held(pid, int(name), target, gone=False))
            elif target.startswith("/") and not target.startswith(
                ("/dev/", "/proc/", "/sys/", "/memfd:")
            ):
                path, gone = (
                    _place(host, f"/proc/{pid}/fd/{name}")
                    if target.endswith(_DELETED)
                    else (target, False)
                )
                found.append(Held(pid, int(name), path, gone))
    return found


def _ancestors(parents: dict[int, int], pid: int) -> tuple[int, ...]:
    chain = []
    while pid > 0 and pid not in chain:
        chain.append(pid)
        pid = parents.get(pid, 0)
    return tuple(chain)
