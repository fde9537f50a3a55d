"""Stops everything of the project that runs, and starts it again as it ran; each is the other's inverse.

Neither names a process: what runs is looked up when it is done, so both hold across a restart of the machine.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from unstale import codec
from unstale.action import Action, Keep
from unstale.actions.given import why_not_stop
from unstale.actions.lifecycle import NotUp, Start, end, family, launch
from unstale.actions.owner import act
from unstale.actions.presence import runs
from unstale.actions.process import unsaved, why_not_restart
from unstale.actions.stopping import kept_starts, outlived, stop, supersede
from unstale.detect import find_project
from unstale.fact import Facts
from unstale.facts.app_process import AppProcess
from unstale.facts.app_processes import AppProcesses
from unstale.facts.commands import DEV_TOOLS
from unstale.host import Host, Ident
from unstale.layer import Layer, Risk, Standing

BACKEND, FRONTEND = "backend", "frontend"


@dataclass(frozen=True, slots=True)
class Stop(Action):
    """Stop the project's servers, jobs and development servers. `place` (0700) keeps what starts each again.

    `found` is what a person is shown of it; what runs is looked up again when it is done.
    """

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.PROCESS
    undoable: ClassVar[bool] = True
    stops: ClassVar[bool] = True

    root: str
    place: str
    parts: tuple[str, ...]
    detach: bool
    found: tuple[str, ...] = field(default=(), compare=False)

    def title(self) -> str:
        return f"stop the {' and '.join(self.parts)} processes"

    def preview(self) -> tuple[str, ...]:
        return self.found or (f"unstale ps -C {self.root}   # kill -TERM what is ours",)

    def settled(self, facts: Facts) -> bool:
        return not running(facts, self.parts)

    def blocked(self, facts: Facts) -> str | None:
        for each in running(facts, self.parts):
            why = unsaved(facts, each.pid)
            if why is None and each.owner != "terminal" and each.role in ("server", "job"):
                why = why_not_restart(facts, each.pid, each.command) or why_not_stop(
                    facts.host, each.pid
                )
            if why is not None:
                return why
        return None

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return Run(self.root, self.place, self.parts, self.detach)

    def apply(self, host: Host, keep: Keep) -> None:
        facts = Facts(find_project(Path(self.root), host), host)
        host.makedirs(self.place)
        former = kept_starts(host, self.place)
        for each in running(facts, self.parts):
            stop(facts, each, self.place)
        supersede(host, former, self.place)


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
        return not any(kept_starts(facts.host, self.place))

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return Stop(self.root, self.place, self.parts, self.detach)

    def apply(self, host: Host, keep: Keep) -> str | None:
        """Start each that does not run yet; return the commands that a person's terminal is left with."""
        facts = Facts(find_project(Path(self.root), host), host)
        left, logs = [], []
        up: list[Ident] = []
        for path, kept in kept_starts(host, self.place):
            if kept["owner"]:
                act(host, tuple(kept["owner"]), "start")
            else:
                start = codec.decode(Start, kept["start"])
                if outlived(host, kept):
                    pass  # its stop was killed before it was told
                elif kept["terminal"] and not self.detach:
                    left.append(f"cd {shlex.quote(start.cwd)} && {kept['words']}")
                elif not runs(facts.again(), start, _all(host, up)):
                    up.append(_up(host, start))
                    logs += [start.stdout] if start.stdout.startswith(self.place) else []
            host.write(path, b"")  # it held the environment
        words = [f"yours to start: {'; '.join(left)}"] if left else []
        words += [f"it writes to {', '.join(logs)}"] if logs else []
        return "; ".join(words) or None


def shown(facts: Facts, parts: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a person is asked about: each process that will be stopped, and which of them run in a terminal."""
    return tuple(
        f"kill -TERM {each.pid}   # {'in a terminal: ' if each.owner == 'terminal' else ''}{each.command}"
        for each in running(facts, parts)
    )


def _all(host: Host, leaders: list[Ident]) -> tuple[Ident, ...]:
    """Return them and their descendants: of two alike, the first that runs again is not the second."""
    return tuple(member for each in leaders for member in family(host, each))


def _up(host: Host, start: Start) -> Ident:
    """Start it; one that is not up in time is ended, because whoever called takes its way back."""
    try:
        return launch(host, start)
    except NotUp as error:
        if host.alive(error.ident):
            end(host, family(host, error.ident))
        raise


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
