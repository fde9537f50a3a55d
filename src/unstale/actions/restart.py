"""Restarts a server or job: its owner acts first; else a successor takes over its listener; else stop and start."""

from __future__ import annotations

import json
import signal
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

from unstale import codec
from unstale.action import Action, Decided, Keep
from unstale.actions.given import numbers, why_not_stop
from unstale.actions.lifecycle import Start, end, family, launch, startable
from unstale.actions.owner import owner_does
from unstale.actions.presence import runs
from unstale.actions.process import unsaved, why_not_restart
from unstale.actions.quiet import open_connections, term_when_quiet
from unstale.actions.takeover import doors_of, hand_over, hindrance, prove, successors
from unstale.errors import Failed
from unstale.fact import Facts
from unstale.facts.app_process import AppProcess
from unstale.facts.app_processes import AppProcesses
from unstale.facts.commands import parse
from unstale.host import Host, Ident
from unstale.layer import Layer, Risk

_KEPT = "the old process was never stopped"


@dataclass(frozen=True, slots=True)
class Restart(Action):
    """Run a server of the project anew as it was: argv, cwd, environment, user, log files.

    `overlap`: the successor may start before the old one ends; not where the old one holds what it needs.
    `code_only`: nothing but the workers' code is old, so that gunicorn's master may stay and replace them.
    `unit` is that of systemd which keeps it, for the preview.
    """

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.PROCESS
    restarts: ClassVar[bool] = True

    pid: int
    ticks: int
    words: str
    overlap: bool = True
    code_only: bool = False
    unit: str = ""

    def title(self) -> str:
        return f"restart process {self.pid}"

    def preview(self) -> tuple[str, ...]:
        if self.unit:
            return (f"systemctl restart {self.unit}",)
        return (f"kill -TERM {self.pid}", self.words)

    def settled(self, facts: Facts) -> bool:
        return not facts.host.alive(Ident(self.pid, self.ticks))

    def blocked(self, facts: Facts) -> str | None:
        why_not = unsaved(facts, self.pid) or why_not_restart(facts, self.pid, self.words)
        return why_not or (None if self.overlap else why_not_stop(facts.host, self.pid))

    def apply(self, host: Host, keep: Keep) -> str | None:
        if owner_does(host, self.pid, "restart"):
            return None
        start = startable(host, self.pid, str(keep.state))
        old = family(host, Ident(self.pid, self.ticks))
        if self.code_only and _replaces_its_workers(host, start):
            _replace_workers(host, start, old)
            return None
        host.write(_memory(keep), json.dumps(codec.encode(start)).encode())
        note = _renewed(host, start, old, keep, overlap=self.overlap)
        host.write(_memory(keep), b"")  # it held the environment
        return note

    def recover(self, facts: Facts, keep: Keep) -> Decided:
        """End a successor beside an old one that was not told to end; else finish it, with whom runs already."""
        host, old = facts.host, Ident(self.pid, self.ticks)
        start = _remembered(host, keep)
        if start is None:
            return Decided(done=False, words="nothing of it had begun")
        members = family(host, old) if host.alive(old) else ()
        doors = doors_of(host, members)
        if doors and host.stat(_ending(keep)) is None:
            extra = successors(host, doors, members)
            if extra:
                end(host, extra)
            what = _KEPT
        elif runs(facts, start, members):
            if members:
                end(host, members)
            what = "its successor runs"
        else:
            _renewed(host, start, members, keep, overlap=self.overlap)
            what = "it was stopped, and is started again"
        host.write(_memory(keep), b"")
        return Decided(done=what != _KEPT, words=what)


def restarting(
    processes: AppProcesses, process: AppProcess, *, code_only: bool = False
) -> Restart | None:
    """Return the restart of whoever leads the process; None for an orphan, which its own finding ends."""
    if process.role == "orphan":
        return None
    leader = processes.leader_of(process)
    unit = leader.owner.removeprefix("systemd:") if leader.owner.startswith("systemd:") else ""
    return Restart(leader.pid, leader.ticks, leader.command, code_only=code_only, unit=unit)


def _renewed(
    host: Host, start: Start, old: tuple[Ident, ...], keep: Keep, *, overlap: bool
) -> str | None:
    """Hand over, or stop and start; return why requests may have failed meanwhile."""
    doors = doors_of(host, old)
    why_not = hindrance(start, doors) if overlap else "the old one had to end first"
    if why_not is None:
        ports = {each.port for each in doors}
        idle = open_connections(host, old, ports)
        try:
            hand_over(host, start, old, doors)
        except OSError as error:
            why_not = f"its listener could not be shared ({error.strerror})"
        else:
            host.write(_ending(keep), b"")
            term_when_quiet(host, old, ports, idle=idle)
            end(host, old)
            return None
    if old and numbers(start.argv, start.env):
        raise Failed(
            what=f"process {old[0].pid} was not restarted, and goes on",
            why=f"its listener was given to it by whoever started it, and {why_not}",
            next="Start it again there.",
        )
    host.write(_ending(keep), b"")
    if old:
        end(host, old)
    launch(host, start)
    serves = doors or parse(start.argv).role == "server"
    return f"stopped and started, without a take-over: {why_not}" if serves else None


def _replaces_its_workers(host: Host, start: Start) -> bool:
    """Return whether it is a gunicorn master that HUP makes load the code anew: one that does not preload it.

    https://docs.gunicorn.org/en/stable/signals.html
    """
    if parse(start.argv).program != "gunicorn":
        return False
    said = " ".join((*start.argv, start.env.get("GUNICORN_CMD_ARGS", "")))
    for name in ("gunicorn.conf.py", *_configs(start.argv)):
        with suppress(OSError):
            said += host.read(str(Path(start.cwd) / name)).decode("utf-8", "replace")
    return "preload" not in said


def _configs(argv: tuple[str, ...]) -> tuple[str, ...]:
    named = (after for word, after in pairwise(argv) if word in ("-c", "--config"))
    joined = (word.partition("=")[2] for word in argv if word.startswith("--config="))
    return tuple(each.removeprefix("file:") for each in (*named, *joined))


def _replace_workers(host: Host, start: Start, old: tuple[Ident, ...]) -> None:
    """HUP the master, and wait until new workers have answered and the old ones are gone. Raises Failed."""
    master, doors = old[0], doors_of(host, old)
    host.signal(master, signal.SIGHUP)
    for door in doors:
        prove(host, master, door, start, but=old)
    end_of_old = host.uptime() + 30
    while any(host.alive(each) for each in old[1:]):
        if host.uptime() > end_of_old:
            raise Failed(
                what=f"gunicorn {master.pid} has not ended its old workers",
                why="they still answer requests after 30 s",
                next=f"ps -o pid,stat,args --ppid {master.pid}",
            )
        host.sleep(0.05)


def _memory(keep: Keep) -> str:
    """Return the file that holds what starts the process, environment and all (0600), until it runs."""
    return f"{keep.state}/start.json"


def _ending(keep: Keep) -> str:
    """Return the file that is there once the old process may be told to end: from then on there is no way back."""
    return f"{keep.state}/ending"


def _remembered(host: Host, keep: Keep) -> Start | None:
    with suppress(FileNotFoundError, ValueError):
        return codec.decode(Start, json.loads(host.read(_memory(keep))))  # type: ignore[no-any-return]  # the codec's own type
    return None
