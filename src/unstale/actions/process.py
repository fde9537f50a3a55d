"""Ends the project's processes, and says which of them may be restarted."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from unstale.action import Action, Keep
from unstale.actions.lifecycle import argv_of, end
from unstale.fact import Facts
from unstale.facts.app_process import AppProcess
from unstale.facts.app_processes import AppProcesses
from unstale.facts.code import LoadedCode
from unstale.facts.compiled import LARGEST
from unstale.facts.entry_points import EntryPoints
from unstale.facts.sqlite import Databases
from unstale.host import Host, Ident
from unstale.layer import Layer, Risk, Standing


@dataclass(frozen=True, slots=True)
class End(Action):
    """End one process by TERM: an orphan of the project, or one that a person named with --pid."""

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.PROCESS

    pid: int
    ticks: int
    words: str

    def title(self) -> str:
        return f"end process {self.pid}"

    def preview(self) -> tuple[str, ...]:
        return (f"kill -TERM {self.pid}   # {self.words}",)

    def settled(self, facts: Facts) -> bool:
        return not facts.host.alive(Ident(self.pid, self.ticks))

    def blocked(self, facts: Facts) -> str | None:
        return unsaved(facts, self.pid)

    def apply(self, host: Host, keep: Keep) -> None:
        end(host, (Ident(self.pid, self.ticks),))


def unsaved(facts: Facts, pid: int) -> str | None:
    """Return the veto of DBF002: what a process holds of a deleted database ends with it."""
    databases = facts.maybe(Databases)
    for lost in databases.deleted if databases else ():
        if pid in (*lost.pids, *(leader.pid for leader in lost.leaders)):
            return f"it holds the only copy of the deleted {lost.path}: unstale fix DBF002"
    return None


def why_not_restart(facts: Facts, pid: int, words: str) -> str | None:
    """Return why the process could not be started again as it was, or None."""
    process = _ours(facts, pid)
    if process is None:
        return f"process {pid} is not one of this project's own"
    if process.owner == "terminal":
        return f"it runs in a terminal: press Ctrl-C there and run {words}"
    return _broken_code(facts) or _unimportable(facts, pid) or _unstartable(facts.host, process)


def _ours(facts: Facts, pid: int) -> AppProcess | None:
    processes = facts.maybe(AppProcesses)
    found = processes.processes if processes else ()
    return next(
        (each for each in found if each.pid == pid and each.standing is Standing.OURS), None
    )


def _broken_code(facts: Facts) -> str | None:
    """Return why the code on disk would not start, or None."""
    for path in facts.get(LoadedCode).files:
        try:
            source = facts.host.read(path)
            ast.parse(source if len(source) <= LARGEST else b"")
        except SyntaxError as error:
            return f"the code on disk is broken: {path}:{error.lineno} {error.msg}"
        except (FileNotFoundError, ValueError) as error:
            return f"the code on disk is broken: {path} {error}"
    return None


def _unimportable(facts: Facts, pid: int) -> str | None:
    """Return why the entry point would not import: a package, a name or a setting that is missing."""
    entries = facts.maybe(EntryPoints)
    entry = entries.of(pid) if entries else None
    return f"{entry.app} would not start: {entry.failed}" if entry and entry.failed else None


def _unstartable(host: Host, process: AppProcess) -> str | None:
    argv = argv_of(host, process.pid)
    program = Path(process.cwd) / argv[0] if "/" in argv[0] else None
    if program is not None and host.stat(str(program)) is None:
        return f"its program {argv[0]} is no longer there"
    if program is None and host.which(argv[0]) is None:
        return f"its command line was rewritten and cannot be repeated: {argv[0]}"
    return None
