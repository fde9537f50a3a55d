"""The project's own processes: what each runs, who owns it, and whether it may be signalled."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from unstale.errors import Absent
from unstale.fact import Fact, Facts
from unstale.facts.commands import Command, parse
from unstale.facts.processes import Process, ProcessTable
from unstale.facts.sockets import Listeners
from unstale.layer import Layer, Standing
from unstale.project import Backend, Project

_WRAPPERS = frozenset(
    {"npm", "npx", "pnpm", "yarn", "bun", "uv", "uvx", "poetry", "pipenv", "pdm", "hatch"}
)
_WRAPPER_MARKS = (
    b"npm_lifecycle_event=",
    b"npm_command=",
    b"UV_RUN_RECURSION_DEPTH=",
    b"POETRY_ACTIVE=",
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


@dataclass(frozen=True, slots=True)
class Unread:
    """What is the project's by all that may be read of it, which is not enough to judge it. `look` shows it to root."""

    subject: str
    look: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AppProcesses(Fact):
    """The project's servers, workers, jobs and development servers."""

    layer = Layer.PROCESS

    processes: tuple[AppProcess, ...]
    unread: tuple[Unread, ...] = ()

    @classmethod
    def gather(cls, facts: Facts) -> AppProcesses:
        table, listeners = facts.get(ProcessTable), facts.get(Listeners)
        found = _found(facts.project, table, listeners, facts)
        unread = (*_unread_processes(facts.project, table), *_unread_ports(facts, listeners, table))
        if not found and not unread:
            raise Absent(
                what="no process", why="no process of this project runs", next="Start the app."
            )
        return cls(seen_at=table.seen_at, processes=tuple(found), unread=unread)

    def summary(self) -> str:
        shown = [each for each in self.processes if each.role != "worker"]
        return ", ".join(
            f"{each.program} {each.pid}" + "".join(f" :{port}" for port in each.ports)
            for each in shown
        )

    def of(self, *roles: str) -> tuple[AppProcess, ...]:
        """Return the processes of these roles that do not live in a container."""
        return tuple(
            each for each in self.processes if each.role in roles and each.owner != "container"
        )

    def loading_code(self) -> tuple[AppProcess, ...]:
        """Return one process for each server or job that holds the app's code: of several workers the oldest."""
        oldest: dict[int, AppProcess] = {}
        workers = self.of("worker", "orphan")
        busy = {each.leader for each in workers if each.leader != each.pid}
        for each in (*self.of("server", "job"), *workers):
            if each.pid in busy and each.role == "server":
                continue
            if each.leader not in oldest or each.started_at < oldest[each.leader].started_at:
                oldest[each.leader] = each
        return tuple(oldest.values())


def _found(
    project: Project, table: ProcessTable, listeners: Listeners, facts: Facts
) -> list[AppProcess]:
    found: dict[int, AppProcess] = {}
    for process in table.processes:
        if process.state in "ZX" or _closed(process):
            continue
        described = _described(project, process, table, listeners, facts)
        if described is not None:
            found[process.pid] = described
    led = [_led(each, found) for each in found.values()]
    # a server that runs us from within is not ours to end, and neither are its workers
    return [each for each in led if not {each.pid, each.leader} & {*table.ancestors}]


def _closed(process: Process) -> bool:
    """Return whether it is another user's: proc(5) then shows its command, but neither program nor directory."""
    return bool(process.words) and not process.exe and not process.cwd


def _unread_processes(project: Project, table: ProcessTable) -> Iterator[Unread]:
    """Yield the servers that may not be read and have the project's path in their commands."""
    for each in table.processes:
        if _closed(each) and each.state not in "ZX" and _role(project, parse(each.words)):
            paths = (word.rpartition("=")[2] for word in each.words)
            if any(path.startswith("/") and project.contains(path) for path in paths):
                yield Unread(f"process {each.pid} ({each.command})", f"ls -l /proc/{each.pid}/cwd")


def _unread_ports(facts: Facts, listeners: Listeners, table: ProcessTable) -> Iterator[Unread]:
    """Yield the ports that the project names and whose listener may not be read; Docker's proxy is a container's."""
    named = (*facts.options.urls, *facts.project.settings.http.get("urls", ()))
    hosts = {"localhost", "127.0.0.1", "::1"}
    places = (urlsplit(str(url)) for url in named)
    ports = {place.port for place in places if place.hostname in hosts and place.port}
    proxied = {
        word for each in table.processes if "docker-proxy" in each.command for word in each.words
    }
    for port in sorted(ports - {int(word) for word in proxied if word.isdigit()}):
        if any(not each.pids for each in listeners.on(port)):
            yield Unread(f"the listener on :{port}", f"ss -ltnp 'sport = :{port}'")


def _described(
    project: Project, process: Process, table: ProcessTable, listeners: Listeners, facts: Facts
) -> AppProcess | None:
    command = parse(process.words)
    prefix = _prefix(process, facts)
    if not _tied(project, process, prefix) or not _role(project, command):
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


def _role(project: Project, command: Command) -> bool:
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
    place = Path(process.cwd or "/") / program.parent.parent
    place = Path(str(place).replace("/./", "/"))
    return str(place) if facts.host.stat(str(place / "pyvenv.cfg")) else None


def _owner(process: Process, table: ProcessTable) -> str:
    if process.confined:
        return "container"
    unit = _UNIT.findall(process.cgroup)
    if unit and not unit[-1].startswith(("user@", "session-")):
        return f"systemd:{unit[-1]}"
    parent = table.find(process.ppid)
    while parent is not None and parent.pid > 1:
        if any("supervisord" in word for word in parent.words[:2]):
            return "supervisord"
        parent = table.find(parent.ppid)
    return "terminal" if process.tty else "detached"


def _abandoned(process: Process, table: ProcessTable, facts: Facts) -> bool:
    if process.sid == process.pid or process.confined:
        return False
    try:
        environ = facts.host.read(f"/proc/{process.pid}/environ")
    except OSError:
        return False
    if not any(item.startswith(_WRAPPER_MARKS) for item in environ.split(b"\0")):
        return False
    parent = table.find(process.ppid)
    while parent is not None and parent.pid > 1:
        if any(_wrapper(word) for word in parent.words[:2]):
            return False
        parent = table.find(parent.ppid)
    return True


def _wrapper(word: str) -> bool:
    """Return whether the word names a wrapper; npm rewrites its title to one word, "npm run dev"."""
    program = Path(word.partition(" ")[0]).name
    return program.removesuffix(".js").removesuffix("-cli") in _WRAPPERS


def _led(each: AppProcess, found: dict[int, AppProcess]) -> AppProcess:
    """Name the topmost process of the same tree, and make its descendants workers."""
    leader, top = each, each
    while top.ppid in found:
        top = found[top.ppid]
        if top.role in ("server", "job"):
            leader = top
    if leader is each:
        return each
    role = "worker" if each.role in ("server", "worker", "job") else each.role
    return replace(
        each,
        leader=leader.pid,
        role=role,
        reload=leader.reload,
        app=each.app or leader.app,
        program=leader.program,
    )
