"""How a process that nobody owns ends and starts: by TERM, and by the same command again."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from unstale.actions.said import last_lines, said_before
from unstale.errors import Failed
from unstale.facts.credentials import credentials
from unstale.facts.environ import environ_of
from unstale.facts.sockets import listening_ports
from unstale.host import NONE, Host, Ident

GRACE = 10.0
"""Seconds that a process has to end after TERM."""

START = 30.0
"""Seconds that a successor has to listen on its predecessor's ports."""

STAYS = 1.0
"""Seconds that a successor which listens nowhere must live."""

SHIM = Path(__file__).parent.parent / "guard" / "inherit_listener"
VARIABLE = "UNSTALE_LISTENERS"
"""What leads a successor to its listeners: guard/inherit_listener."""


class NotUp(Failed):
    """A successor is not up in time; it may still come up."""

    def __init__(self, ident: Ident, *, what: str, why: str, next: str) -> None:  # noqa: A002 - as in UnstaleError
        super().__init__(what=what, why=why, next=next)
        self.ident = ident


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
    gids: tuple[int, ...] = ()  # its group, then the supplementary ones


def startable(host: Host, pid: int, logs: str) -> Start:
    """Read from proc(5) what starts this process again; output that went to no file goes to `logs`."""
    host.makedirs(logs)
    uid, gids = credentials(host, pid)
    return Start(
        argv=argv_of(host, pid),
        cwd=host.readlink(f"/proc/{pid}/cwd").removesuffix(" (deleted)"),
        env=without_traces(environ_of(host, pid)),
        stdout=_output(host, pid, 1, logs),
        stderr=_output(host, pid, 2, logs),
        uid=uid,
        ports=listening_ports(host, (pid,)),
        gids=gids,
    )


def without_traces(env: dict[str, str]) -> dict[str, str]:
    """Return the environment without what led the process to its listeners, if it took over from another."""
    clean = {key: value for key, value in env.items() if key != VARIABLE}
    first, _, rest = clean.get("PYTHONPATH", "").partition(os.pathsep)
    if VARIABLE in env and Path(first).name == SHIM.name:
        del clean["PYTHONPATH"]
        clean.update({"PYTHONPATH": rest} if rest else {})
    return clean


def argv_of(host: Host, pid: int) -> tuple[str, ...]:
    """Return the command line as proc(5) has it now."""
    raw = host.read(f"/proc/{pid}/cmdline").decode("utf-8", "surrogateescape")
    return tuple(raw.rstrip("\0").split("\0"))


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
                found += [ident_of(host, int(word)) for word in words]
    return tuple(found)


def ident_of(host: Host, pid: int) -> Ident:
    """Return who has the pid now."""
    return Ident(pid, int(stat_of(host, pid)[19]))


def stat_of(host: Host, pid: int) -> list[str]:
    """Return the fields from the third on (proc_pidstat_of(5)): the second, a name, may hold anything."""
    stat = host.read(f"/proc/{pid}/stat").decode("utf-8", "replace")
    return stat[stat.rindex(")") + 2 :].split()


def end(host: Host, idents: tuple[Ident, ...]) -> None:
    """TERM the first, wait for all, TERM whoever outlives it. Raises Failed when one does not end in time.

    Who catches TERM and still waits, for a stream that never ends, gets INT: servers then cut what is open
    (https://www.uvicorn.org/server-behavior/#graceful-process-shutdown).
    """
    _signal(host, idents[0], signal.SIGTERM)
    if not gone(host, idents, GRACE):
        if host.alive(idents[0]) and _catches(host, idents[0].pid, signal.SIGTERM):
            _signal(host, idents[0], signal.SIGINT)
        for orphaned in idents[1:] if not host.alive(idents[0]) else ():
            _signal(host, orphaned, signal.SIGTERM)
        gone(host, idents, GRACE / 2)
    left = [str(ident.pid) for ident in idents if host.alive(ident)]
    if left:
        raise Failed(
            what=f"process {', '.join(left)} did not end",
            why=f"it was still there {GRACE:g} s after TERM",
            next=f"Look at it: ps -o pid,stat,args -p {','.join(left)}",
        )


def _signal(host: Host, ident: Ident, number: int) -> None:
    """Signal, then CONT: a stopped process would not see the first."""
    host.signal(ident, number)
    host.signal(ident, signal.SIGCONT)


def _catches(host: Host, pid: int, number: int) -> bool:
    """Return whether the process has a handler for the signal (SigCgt in proc_pid_status(5))."""
    with suppress(OSError):
        status = host.read(f"/proc/{pid}/status").decode("utf-8", "replace")
        mask = int(status.partition("SigCgt:")[2].split()[0], 16)
        return bool(mask >> (number - 1) & 1)
    return False


def gone(host: Host, idents: tuple[Ident, ...], timeout: float) -> bool:
    """Wait at most so many seconds; return whether all have ended."""
    for _ in range(int(timeout / 0.05)):
        if not any(host.alive(ident) for ident in idents):
            return True
        host.sleep(0.05)
    return False


def spawn(
    host: Host, start: Start, more: dict[str, str] | None = None, inherit: Mapping[int, int] = NONE
) -> Ident:
    """Start it, with more variables and with descriptors of ours."""
    return host.spawn(
        start.argv,
        cwd=start.cwd,
        env={**start.env, **(more or {})},
        stdout=start.stdout,
        stderr=start.stderr,
        uid=start.uid,
        gids=start.gids,
        inherit=inherit,
    )


def launch(host: Host, start: Start) -> Ident:
    """Start it and wait until it listens where its predecessor did. Raises NotUp with its last lines."""
    said = said_before(host, start)
    ident = spawn(host, start)
    for at in range(int(START / 0.05)):
        pids = tuple(each.pid for each in family(host, ident))
        stays = bool(start.ports) or at * 0.05 > STAYS
        if stays and set(start.ports) <= set(listening_ports(host, pids)):
            return ident
        if not host.alive(ident):
            break
        host.sleep(0.05)
    state = "did not listen in time" if host.alive(ident) else "ended"
    raise NotUp(
        ident,
        what=f"the restarted process {ident.pid} {state}",
        why=last_lines(host, start, said) or "it said nothing",
        next=f"Read {start.stderr}, then start it by hand.",
    )
