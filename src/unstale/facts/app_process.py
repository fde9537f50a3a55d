"""A process of the project: how it is recognised, what it runs, who owns it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from unstale.fact import Facts
from unstale.facts.app_owner import abandoned, owner
from unstale.facts.commands import DEV_TOOLS, Command, parse
from unstale.facts.environ import environ_of
from unstale.facts.processes import Process, ProcessTable
from unstale.facts.sockets import Listeners
from unstale.layer import Standing
from unstale.project import Backend, Project


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
        app=command.app or (backend.app if backend and command.role != "job" else None),
        reload=command.reload,
        command=process.command,
        cwd=process.cwd,
        cwd_gone=process.cwd_gone,
        prefix=prefix,
        ports=listeners.ports(process.pid),
        owner=owner(process, table, facts.host),
        standing=Standing.SEEN if process.confined else Standing.OURS,
        leader=process.pid,
        uid=process.uid,
        backend=backend.path if backend else None,
        abandoned=abandoned(process, table, facts),
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
    above = parse(parent.words) if parent else None
    alive = above and (
        above.role in ("server", "python", "spawned", "job") or above.program == "python"
    )
    return "worker" if alive else "orphan"


def _backend(
    project: Project, process: Process, prefix: str | None, command: Command
) -> Backend | None:
    if command.role == "dev" or command.program in DEV_TOOLS:
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
    program = _program(process, facts)
    if not program.name.startswith(("python", "pypy")) or len(program.parts) < 3:  # noqa: PLR2004 - PREFIX/bin/python
        return None
    place = Path(str(Path(process.cwd or "/") / program.parent.parent).replace("/./", "/"))
    try:
        return str(place) if facts.host.stat(str(place / "pyvenv.cfg")) else None
    except OSError:  # shut: nothing to us, unless it is in the project
        if facts.project.contains(place):
            raise
        return None


def _program(process: Process, facts: Facts) -> Path:
    """Return argv[0], found in the process's own PATH where it is a bare name (execvp(3))."""
    program = Path(process.words[0]) if process.words else Path()
    if len(program.parts) == 1 and program.name.startswith("python"):
        with suppress(OSError):
            for place in environ_of(facts.host, process.pid).get("PATH", "").split(":"):
                if place.startswith("/") and facts.host.stat(f"{place}/{program}"):
                    return Path(place) / program
    return program
