"""Compiled modules that a process still maps although its environment holds them no longer."""

from __future__ import annotations

from dataclasses import dataclass

from unstale.fact import Fact, Facts
from unstale.facts.app_process import AppProcess
from unstale.facts.app_processes import AppProcesses
from unstale.host import Host
from unstale.layer import Layer


@dataclass(frozen=True, slots=True)
class Replaced:
    """Files below `pid`'s environment that it maps and that were deleted or moved to the trash."""

    pid: int
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacedLibraries(Fact):
    """What /proc/PID/maps of the servers and jobs shows (proc(5)), a line for each of them."""

    layer = Layer.ENVIRONMENT

    replaced: tuple[Replaced, ...]

    @classmethod
    def gather(cls, facts: Facts) -> ReplacedLibraries:
        processes = facts.get(AppProcesses).loading_code()
        found = [Replaced(each.pid, _replaced(facts.host, each)) for each in processes]
        return cls(seen_at=facts.host.now(), replaced=tuple(found))

    def of(self, pid: int) -> tuple[str, ...]:
        """Return the replaced files of that process."""
        return next((each.paths for each in self.replaced if each.pid == pid), ())


def _replaced(host: Host, process: AppProcess) -> tuple[str, ...]:
    """Return nothing when the maps cannot be read: they are a stronger proof, not the only one."""
    try:
        maps = host.read(f"/proc/{process.pid}/maps").decode("utf-8", "surrogateescape")
    except OSError:
        return ()
    found = set[str]()
    for line in maps.splitlines():
        path = line.partition("/")[1] + line.partition("/")[2]
        inside = process.prefix is not None and path.startswith(f"{process.prefix}/")
        if ".so" in path and inside and path.endswith(" (deleted)"):
            found.add(path.removesuffix(" (deleted)"))
        elif ".so" in path and "/.unstale/trash/" in path:
            found.add(path)
    return tuple(sorted(found))
