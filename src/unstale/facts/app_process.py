"""A process of the project: how it is recognised, what it runs, who owns it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from unstale.fact import Facts
from unstale.facts.commands import Command, parse, supervises, wraps
from unstale.facts.environ import environ_of
from unstale.facts.processes import Process, ProcessTable
from unstale.facts.sockets import Listeners
from unstale.layer import Standing
from unstale.project import Backend, Project

_WRAPPER_MARKS = frozenset(
    {"npm_lifecycle_event", "npm_command", "UV_RUN_RECURSION_DEPTH", "POETRY_ACTIVE"}
)
_UNIT = re.compile(r"/([^/]+\.service)(?:/|$)")


@dataclass(frozen=True, slots=True)
class AppProcess:
    """A process of the project. `leader` is the pid to restart (its own, or the supervising parent's).

    `role` is server, worker, job, dev, or orphan (a worker whose parent is gone, holding a port or not).
    `owner` is "systemd:UNIT", "container", "terminal", "supervisord" or "detached".
    `prefix` is the virtual environment that it runs in, or None. `abandoned`: a wrapper (npm, npx, uv run, poetry
    run) started it, as its environment still says, and none is left above it; a session leader never is.
    """

    pid: int
    ticks: int
    ppid: int
    started_at: datetime
    role: str
    program: str
    app: str | None
    reload: bool
    command: str
    cwd: str
    cwd_gone: bool
    prefix: str | None
    ports: tuple[int, ...]
    owner: str
    standing: Standing
    leader: int
    uid: int
    backend: Path | None
    abandoned: bool = False

    @property
    def subject(self) -> str:
        """Return "process 4711 (uvicorn app.main:app, :8000)"."""
        words = " ".join(word for word in (self.program, self.app or "") if word)
        ports = "".join(f", :{port}" for port in self.ports)
        return f"process {self.pid} ({words}{ports})"


def described(
    project: Project, process: Process, table: ProcessTable, listeners: Listeners, facts: Facts
) -> AppProcess | None:
    """Return what the process is to the project; None for one that is nothing to it."""
    command = parse(process.words)
    prefix = _prefix(process, facts)
    if not _tied(project, process, prefix) or not runs_the_app(project, command):
        return None
    backend = _backend(project, process, prefix, command)
    return AppProcess(
        pid=process.pid,
        ticks=process.ticks,
        ppid=process.ppid,
        started_at=process.started_at,
        role=_orphaned(command, process, table),
        program=command.program,
        app=command.app or (backend.app if backend else None),
        reload=command.reload,
        command=process.command,
        cwd=process.cwd,
        cwd_gone=process.cwd_gone,
        prefix=prefix,
        ports=listeners.ports(process.pid),
        owner=_owner(process, table),
        standing=Standing.SEEN if process.confined else Standing.OURS,
        leader=process.pid,
        uid=process.uid,
        backend=backend.path if backend else None,
        abandoned=_abandoned(process, table, facts),
    )


def _tied(project: Project, process: Process, prefix: str | None) -> bool:
    """Return whether the interpreter or the working directory is the project's, by name."""
    return project.contains(process.cwd or "/") or (prefix is not None and project.contains(prefix))


def runs_the_app(project: Project, command: Command) -> bool:
    """Return whether the command starts a server, a job, a development server or the entry point."""
    if command.role in ("server", "job", "dev", "spawned"):
        return True
    return command.role == "python" and any(
        _names_entry(backend, command) for backend in project.backends
    )


def _names_entry(backend: Backend, command: Command) -> bool:
    """Return whether `python FILE` or `python -m MODULE` names the back end's entry point."""
    module = (backend.app or "").partition(":")[0]
    if not module or backend.kind == "django":
        return False
    if command.module == module:
        return True
    file = module.replace(".", "/") + ".py"
    return command.script is not None and (
        command.script == file or command.script.endswith("/" + file)
    )


def _orphaned(command: Command, process: Process, table: ProcessTable) -> str:
    if command.role == "python":
        return "server"
    if command.role != "spawned":
        return command.role
    parent = table.find(process.ppid)
    alive = parent is not None and parse(parent.words).role in (
        "server",
        "python",
        "spawned",
        "job",
    )
    return "worker" if alive else "orphan"


def _backend(
    project: Project, process: Process, prefix: str | None, command: Command
) -> Backend | None:
    if command.role == "dev":
        return None
    places = [place for place in (process.cwd, prefix) if place]
    inside = [
        each
        for each in project.backends
        if any(Path(place).is_relative_to(each.path) for place in places)
    ]
    if inside:
        return max(inside, key=lambda each: len(each.path.parts))
    return project.backends[0] if len(project.backends) == 1 else None


def _prefix(process: Process, facts: Facts) -> str | None:
    """Return the nearest directory with pyvenv.cfg above argv[0], links not resolved (a venv's python is one)."""
    program = Path(process.words[0]) if process.words else Path()
    if not program.name.startswith(("python", "pypy")) or len(program.parts) < 3:  # noqa: PLR2004 - PREFIX/bin/python
        return None
    place = Path(str(Path(process.cwd or "/") / program.parent.parent).replace("/./", "/"))
    try:
        return str(place) if facts.host.stat(str(place / "pyvenv.cfg")) else None
    except OSError:  # shut: nothing to us, unless it is in the project
        if facts.project.contains(place):
            raise
        return None


def _owner(process: Process, table: ProcessTable) -> str:
    if process.confined:
        return "container"
    unit = _UNIT.findall(process.cgroup)
    if unit and not unit[-1].startswith(("user@", "session-")):
        return f"systemd:{unit[-1]}"
    parent = table.find(process.ppid)
    while parent is not None and parent.pid > 1:
        if supervises(parent.words):
            return "supervisord"
        parent = table.find(parent.ppid)
    return "terminal" if process.tty else "detached"


def _abandoned(process: Process, table: ProcessTable, facts: Facts) -> bool:
    if process.sid == process.pid or process.confined:
        return False
    try:
        environ = environ_of(facts.host, process.pid)
    except OSError:
        return False
    if _WRAPPER_MARKS.isdisjoint(environ):
        return False
    parent = table.find(process.ppid)
    while parent is not None and parent.pid > 1:
        if any(wraps(word) for word in parent.words[:2]):
            return False
        parent = table.find(parent.ppid)
    return True
