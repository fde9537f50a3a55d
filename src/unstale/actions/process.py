"""Ends and restarts the project's processes: the owner acts first, else TERM and the same command again."""

from __future__ import annotations

import ast
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from unstale.action import Action, Keep
from unstale.errors import Failed
from unstale.fact import Facts
from unstale.facts.app_processes import AppProcess, AppProcesses
from unstale.facts.code import LoadedCode
from unstale.facts.compiled import LARGEST
from unstale.facts.env_files import secrets
from unstale.facts.sockets import listening_ports
from unstale.facts.sqlite import Databases
from unstale.host import Host, Ident
from unstale.layer import Layer, Risk, Standing
from unstale.redact import hide

GRACE = 10.0
"""Seconds that a process has to end after TERM."""

START = 30.0
"""Seconds that a successor has to listen on its predecessor's ports."""


@dataclass(frozen=True, slots=True)
class Start:
    """What starts the same process again. The environment is a secret: it is never shown or journaled."""

    argv: tuple[str, ...]
    cwd: str
    env: dict[str, str]
    stdout: str
    stderr: str
    uid: int
    ports: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Restart(Action):
    """Stop a server of the project and start it again as it was: argv, cwd, environment, user, log files."""

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.PROCESS
    restarts: ClassVar[bool] = True

    pid: int
    ticks: int
    words: str

    def title(self) -> str:
        return f"restart process {self.pid}"

    def preview(self) -> tuple[str, ...]:
        return (f"kill -TERM {self.pid}", self.words)

    def settled(self, facts: Facts) -> bool:
        return not facts.host.alive(Ident(self.pid, self.ticks))

    def blocked(self, facts: Facts) -> str | None:
        return unsaved(facts, self.pid) or why_not_restart(facts, self.pid, self.words)

    def apply(self, host: Host, keep: Keep) -> None:
        unit = unit_of(host, self.pid)
        if unit is not None:
            _restart_unit(host, unit)
            return
        start = startable(host, self.pid, str(keep.state))
        end(host, family(host, Ident(self.pid, self.ticks)))
        launch(host, start)


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
    return _broken_code(facts) or _unstartable(facts.host, process)


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


def _unstartable(host: Host, process: AppProcess) -> str | None:
    argv = _argv(host, process.pid)
    program = Path(process.cwd) / argv[0] if "/" in argv[0] else None
    if program is not None and host.stat(str(program)) is None:
        return f"its program {argv[0]} is no longer there"
    if program is None and host.which(argv[0]) is None:
        return f"its command line was rewritten and cannot be repeated: {argv[0]}"
    return None


def startable(host: Host, pid: int, logs: str) -> Start:
    """Read from proc(5) what starts this process again; output that went to no file goes to `logs`."""
    raw = host.read(f"/proc/{pid}/environ").decode("utf-8", "surrogateescape")
    env = dict(item.partition("=")[::2] for item in raw.split("\0") if "=" in item)
    host.makedirs(logs)
    seen = host.stat(f"/proc/{pid}")
    return Start(
        argv=_argv(host, pid),
        cwd=host.readlink(f"/proc/{pid}/cwd").removesuffix(" (deleted)"),
        env=env,
        stdout=_output(host, pid, 1, logs),
        stderr=_output(host, pid, 2, logs),
        uid=seen.uid if seen else 0,
        ports=listening_ports(host, (pid,)),
    )


def _argv(host: Host, pid: int) -> tuple[str, ...]:
    return tuple(
        host.read(f"/proc/{pid}/cmdline")
        .decode("utf-8", "surrogateescape")
        .rstrip("\0")
        .split("\0")
    )


def _output(host: Host, pid: int, descriptor: int, logs: str) -> str:
    with suppress(OSError):
        target = host.readlink(f"/proc/{pid}/fd/{descriptor}")
        seen = host.stat(target) if target.startswith("/") else None
        if target == "/dev/null" or (seen is not None and seen.kind == "file"):
            return target
    return f"{logs}/output.log"


def family(host: Host, ident: Ident) -> tuple[Ident, ...]:
    """Return the process and its descendants, parents first."""
    found = [ident]
    for each in found:
        with suppress(OSError):
            for task in host.names(f"/proc/{each.pid}/task"):
                words = host.read(f"/proc/{each.pid}/task/{task}/children").split()
                found += [Ident(int(word), _ticks(host, int(word))) for word in words]
    return tuple(found)


def _ticks(host: Host, pid: int) -> int:
    stat = host.read(f"/proc/{pid}/stat").decode("utf-8", "replace")
    return int(stat[stat.rindex(")") + 2 :].split()[19])


def end(host: Host, idents: tuple[Ident, ...]) -> None:
    """TERM the first, wait for all, TERM whoever outlives it. Raises Failed when one does not end in time."""
    _terminate(host, idents[0])
    if not _gone(host, idents, GRACE):
        for orphaned in idents[1:] if not host.alive(idents[0]) else ():
            _terminate(host, orphaned)
        _gone(host, idents[1:], GRACE / 2)
    left = [str(ident.pid) for ident in idents if host.alive(ident)]
    if left:
        raise Failed(
            what=f"process {', '.join(left)} did not end",
            why=f"it was still there {GRACE:g} s after TERM",
            next=f"Look at it: ps -o pid,stat,args -p {','.join(left)}",
        )


def _terminate(host: Host, ident: Ident) -> None:
    """TERM, then CONT: a stopped process would not see the first."""
    host.signal(ident, signal.SIGTERM)
    host.signal(ident, signal.SIGCONT)


def _gone(host: Host, idents: tuple[Ident, ...], timeout: float) -> bool:
    for _ in range(int(timeout / 0.05)):
        if not any(host.alive(ident) for ident in idents):
            return True
        host.sleep(0.05)
    return False


def launch(host: Host, start: Start) -> Ident:
    """Start it and wait until it listens where its predecessor did. Raises Failed with its last lines."""
    ident = host.spawn(
        start.argv,
        cwd=start.cwd,
        env=start.env,
        stdout=start.stdout,
        stderr=start.stderr,
        uid=start.uid,
    )
    for _ in range(int(START / 0.05)):
        pids = tuple(each.pid for each in family(host, ident))
        if set(start.ports) <= set(listening_ports(host, pids)):
            return ident
        if not host.alive(ident):
            break
        host.sleep(0.05)
    state = "did not listen in time" if host.alive(ident) else "ended"
    raise Failed(
        what=f"the restarted process {ident.pid} {state}",
        why=_last_lines(host, start) or "it said nothing",
        next=f"Read {start.stderr}, then start it by hand.",
    )


def _last_lines(host: Host, start: Start) -> str:
    with suppress(OSError):
        lines = host.read(start.stderr).decode("utf-8", "replace").strip().splitlines()
        values = secrets(host, start.env.values(), f"{start.cwd}/.env")
        return hide(" | ".join(line.strip() for line in lines[-3:]), values)
    return ""


def unit_of(host: Host, pid: int) -> str | None:
    """Return the systemd service that runs this process, or None."""
    cgroup = host.read(f"/proc/{pid}/cgroup").decode("utf-8", "replace")
    names = [part for part in cgroup.strip().split("/") if part.endswith(".service")]
    return names[-1] if names and not names[-1].startswith(("user@", "session-")) else None


def _restart_unit(host: Host, unit: str) -> None:
    done = host.act(("systemctl", "restart", unit))
    if done.code != 0:
        raise Failed(
            what=f"systemd did not restart {unit}",
            why=done.err.strip(),
            next=f"systemctl status {unit}",
        )
