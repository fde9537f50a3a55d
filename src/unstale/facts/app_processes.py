"""The project's own processes: what each runs, who owns it, and whether it may be signalled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from unstale.errors import Absent
from unstale.fact import Fact, Facts
from unstale.facts.app_process import AppProcess, described, runs_the_app
from unstale.facts.commands import DEV_TOOLS, parse
from unstale.facts.processes import Process, ProcessTable
from unstale.facts.sockets import Listeners
from unstale.layer import Layer
from unstale.project import Project


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

    def leader_of(self, process: AppProcess) -> AppProcess:
        """Return whom to restart for the process: its supervising parent, or itself."""
        return next((each for each in self.processes if each.pid == process.leader), process)

    def loading_code(self) -> tuple[AppProcess, ...]:
        """Return one process for each server or job that holds the app's code: of several workers the oldest."""
        oldest: dict[int, AppProcess] = {}
        workers = tuple(
            each for each in self.of("worker", "orphan") if each.ports or not _pooled(each)
        )
        busy = {each.leader for each in workers if each.leader != each.pid}
        for each in (*self.of("server", "job"), *workers):
            if each.pid in busy and each.role == "server":
                continue
            if each.program in DEV_TOOLS or (
                each.program == "rq" and "SimpleWorker" not in each.command
            ):
                continue  # no Python of the app's; rq imports a job in a fork, anew each time
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
        app = described(project, process, table, listeners, facts)
        if app is not None:
            found[process.pid] = app
    led = [_led(each, found) for each in found.values()]
    led = [each for each in led if each.ports or each.leader != each.pid or not _pooled(each)]
    # a server that runs us from within is not ours to end, and neither are its workers
    return [each for each in led if not {each.pid, each.leader} & {*table.ancestors}]


def _pooled(process: AppProcess) -> bool:
    """Return whether multiprocessing started it: a server's worker, or one of a pool for whatever work."""
    return "spawn_main(" in process.command


def _closed(process: Process) -> bool:
    """Return whether it is another user's: proc(5) then shows its command, but neither program nor directory."""
    return bool(process.words) and not process.exe and not process.cwd


def _unread_processes(project: Project, table: ProcessTable) -> Iterator[Unread]:
    """Yield the servers that may not be read and have the project's path in their commands."""
    for each in table.processes:
        if _closed(each) and each.state not in "ZX" and runs_the_app(project, parse(each.words)):
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
