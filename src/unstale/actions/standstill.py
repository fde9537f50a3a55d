"""Stops everything of the project that runs, and starts it again as it ran; each is the other's inverse.

Neither names a process: what runs is looked up when it is done, so both hold across a restart of the machine.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from unstale import codec
from unstale.action import Action, Keep
from unstale.actions.lifecycle import Start, end, family, launch, startable
from unstale.actions.owner import act, owned
from unstale.actions.presence import runs
from unstale.actions.process import unsaved, why_not_restart
from unstale.detect import find_project
from unstale.fact import Facts
from unstale.facts.app_process import AppProcess
from unstale.facts.app_processes import AppProcesses
from unstale.facts.commands import DEV_TOOLS, wraps
from unstale.facts.environ import environ_of
from unstale.facts.processes import ProcessTable
from unstale.host import Host, Ident
from unstale.layer import Layer, Risk, Standing

BACKEND, FRONTEND = "backend", "frontend"


@dataclass(frozen=True, slots=True)
class Stop(Action):
    """Stop the project's servers, jobs and development servers. `place` (0700) keeps what starts each again."""

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.PROCESS
    undoable: ClassVar[bool] = True

    root: str
    place: str
    parts: tuple[str, ...]
    detach: bool

    def title(self) -> str:
        return f"stop the {' and '.join(self.parts)} processes"

    def preview(self) -> tuple[str, ...]:
        return (f"unstale ps -C {self.root}   # kill -TERM what is ours",)

    def settled(self, facts: Facts) -> bool:
        return not running(facts, self.parts)

    def blocked(self, facts: Facts) -> str | None:
        for each in running(facts, self.parts):
            why = unsaved(facts, each.pid)
            if why is None and each.owner != "terminal" and each.role in ("server", "job"):
                why = why_not_restart(facts, each.pid, each.command)
            if why is not None:
                return why
        return None

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return Run(self.root, self.place, self.parts, self.detach)

    def apply(self, host: Host, keep: Keep) -> None:
        facts = Facts(find_project(Path(self.root), host), host)
        host.makedirs(self.place)
        for each in running(facts, self.parts):
            _stop(facts, each, self.place)


@dataclass(frozen=True, slots=True)
class Run(Action):
    """Start what a stop has kept; what ran in a terminal only with `detach`, into a log of its own."""

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.PROCESS
    undoable: ClassVar[bool] = True

    root: str
    place: str
    parts: tuple[str, ...]
    detach: bool

    def title(self) -> str:
        return "start again what ran"

    def preview(self) -> tuple[str, ...]:
        return (f"ls {self.place}   # what ran, environment and all",)

    def settled(self, facts: Facts) -> bool:
        return not any(_kept(facts.host, self.place))

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return Stop(self.root, self.place, self.parts, self.detach)

    def apply(self, host: Host, keep: Keep) -> str | None:
        """Start each that does not run yet; return the commands that a person's terminal is left with."""
        facts = Facts(find_project(Path(self.root), host), host)
        left = []
        for path, kept in _kept(host, self.place):
            if kept["owner"]:
                act(host, tuple(kept["owner"]), "start")
            else:
                start = codec.decode(Start, kept["start"])
                if kept["terminal"] and not self.detach:
                    left.append(f"cd {start.cwd} && {kept['words']}")
                elif not runs(facts, start):
                    launch(host, start)
            host.write(path, b"")  # it held the environment
        return f"yours to start: {'; '.join(left)}" if left else None


def running(facts: Facts, parts: tuple[str, ...]) -> tuple[AppProcess, ...]:
    """Return who leads each of the project's process trees, outside of containers."""
    processes = facts.maybe(AppProcesses)
    mine = [
        each
        for each in (processes.processes if processes else ())
        if each.standing is Standing.OURS and each.owner != "container" and each.leader == each.pid
    ]
    inside = {each.pid for each in mine}
    return tuple(
        each
        for each in mine
        if part_of(each) in parts and not (each.role == "dev" and each.ppid in inside)
    )


def part_of(process: AppProcess) -> str:
    """Return the part of the project that the process belongs to."""
    front = process.role == "dev" or process.program in DEV_TOOLS
    return FRONTEND if front else BACKEND


def _stop(facts: Facts, process: AppProcess, place: str) -> None:
    """Keep what starts it again, then stop it: its owner does, else TERM."""
    host = facts.host
    path = f"{place}/{process.pid}.json"
    owner = owned(host, process.pid)
    if owner is not None:
        _keep(host, path, owner=owner)
        act(host, owner, "stop")
        return
    if process.role == "orphan":
        end(host, family(host, Ident(process.pid, process.ticks)))
        return
    start = startable(host, process.pid, place)
    top = _wrapper(facts, process) if process.role == "dev" else Ident(process.pid, process.ticks)
    if top.pid != process.pid:
        start = _script(host, process.pid, start)
    _keep(host, path, start=start, terminal=process.owner == "terminal", words=process.command)
    end(host, family(host, top))


def _wrapper(facts: Facts, process: AppProcess) -> Ident:
    """Return the topmost of npm → sh → node; the process itself where no wrapper of the project is above it."""
    table = facts.get(ProcessTable)
    top, above = Ident(process.pid, process.ticks), table.find(process.ppid)
    best = top
    while (
        above is not None
        and above.pid not in table.ancestors
        and facts.project.contains(above.cwd or "/")
    ):
        if any(wraps(word) for word in above.words[:2]):
            best = Ident(above.pid, above.ticks)
        elif Path(above.words[0]).name not in ("sh", "dash", "bash") or "-c" not in above.words:
            break
        above = table.find(above.ppid)
    return best


def _script(host: Host, pid: int, start: Start) -> Start:
    """Return the start of the npm script that the process came from, as its environment names it."""
    environ = environ_of(host, pid)
    script, manifest = environ.get("npm_lifecycle_event"), environ.get("npm_package_json")
    if not script:
        return start
    packager = Path(environ.get("npm_execpath", "npm")).name.partition("-")[0].partition(".")[0]
    clean = {key: value for key, value in start.env.items() if not key.startswith("npm_")}
    cwd = str(Path(manifest).parent) if manifest else start.cwd
    return replace(start, argv=(packager or "npm", "run", script), cwd=cwd, env=clean)


def _keep(
    host: Host,
    path: str,
    *,
    owner: tuple[str, ...] = (),
    start: Start | None = None,
    terminal: bool = False,
    words: str = "",
) -> None:
    kept = {
        "owner": owner,
        "start": start and codec.encode(start),
        "terminal": terminal,
        "words": words,
    }
    host.write(path, json.dumps(kept).encode())


def _kept(host: Host, place: str) -> list[tuple[str, dict[str, Any]]]:
    found = []
    with suppress(FileNotFoundError):
        for name in host.names(place):
            raw = host.read(f"{place}/{name}") if name.endswith(".json") else b""
            found += [(f"{place}/{name}", json.loads(raw))] if raw else []
    return found
