"""Composes a release: the steps from a commit to a directory that can be started."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unstale.action import Action
from unstale.actions.gate_code import GateCode
from unstale.actions.make_release import FinishRelease, MakeRelease
from unstale.actions.release_environment import Local, ReleaseEnvironment
from unstale.actions.release_front_end import ReleaseFrontEnd
from unstale.actions.renewing import base_of, configured
from unstale.deploy.home import home_of, new_id
from unstale.deploy.shared import links
from unstale.errors import Absent, Refused, UsageError
from unstale.fact import Facts
from unstale.facts.app_process import AppProcess
from unstale.facts.app_processes import AppProcesses
from unstale.facts.environment import Environment, Environments
from unstale.facts.git import git

_SERVERS = {"django": "gunicorn", "flask": "gunicorn"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is deployed: a full commit name, or the working tree on top of it. `previous` is the release before it.

    `server` (uvicorn), `process` (pid, ticks) and `cwd` (relative to a release) are those of the present server; where
    they are not said they are found.
    """

    commit: str
    dirty: bool = False
    message: str = ""
    server: str = ""
    previous: str | None = None
    process: tuple[int, int] | None = None
    cwd: str | None = None


def releasing(facts: Facts, wanted: Wanted) -> tuple[Action, ...]:
    """Return the steps, in order; each needs the one before it. Nothing is changed yet.

    Raises Refused where a release could not be made, UsageError for a bad setting.
    """
    host, root, home = facts.host, str(facts.project.root), home_of(facts.project)
    backend = next((each for each in facts.project.backends if each.app), None)
    if backend is None:
        raise Refused(
            what="there is nothing to deploy",
            why="no back end here makes an app",
            next='Name it in unstale.toml: [backend] app = "app.main:app"',
        )
    name = new_id(host, home, wanted.commit)
    place = (str(home.path), name, root)
    server = _serving(facts, backend.path)
    environment = _environment(facts, backend.path)
    made = MakeRelease(
        *place,
        commit=wanted.commit,
        dirty=wanted.dirty,
        message=wanted.message or _subject(facts, wanted.commit),
        links=links(facts, home, None if wanted.dirty else wanted.commit),
        previous=wanted.previous,
    )
    installed = ReleaseEnvironment(
        *place,
        base=_base(facts, environment),
        server=wanted.server or _program(server) or _SERVERS.get(backend.kind, "uvicorn"),
        local=_local(facts, environment),
        system=environment is not None and _system(facts, environment),
    )
    build = facts.project.settings.deploy.get("build", "")
    if not isinstance(build, str):
        raise UsageError(
            what=f"cannot use {facts.project.settings.source}",
            why="build in [deploy] is no text",
            next='Write build = "npm run build".',
        )
    cwd = wanted.cwd or _cwd(facts, server, str(backend.path))
    process = wanted.process or ((server.pid, server.ticks) if server else None)
    gate = GateCode(*place, cwd, backend.app, process, allow_import=facts.options.allow_import)
    return (
        made,
        installed,
        ReleaseFrontEnd(*place, build),
        gate,
        FinishRelease(place[0], name),
    )


def _subject(facts: Facts, commit: str) -> str:
    return git(facts.host, str(facts.project.root), "log", "-1", "--format=%s", commit).strip()


def _serving(facts: Facts, backend: Path) -> AppProcess | None:
    processes = facts.maybe(AppProcesses)
    found = processes.of("server") if processes else ()
    return next((each for each in found if each.backend == backend), None)


def _program(server: AppProcess | None) -> str:
    program = server.program if server else ""
    return program if program in ("uvicorn", "gunicorn") else ""


def _cwd(facts: Facts, server: AppProcess | None, backend: str) -> str:
    """Return where the server stands, relative to a release."""
    home = home_of(facts.project)
    for place in (server.cwd if server else "", backend):
        if home.holds(place):
            return home.holds(place) or "."
        inside = bool(place) and facts.project.contains(place)
        if inside and not Path(place).is_relative_to(home.path):
            return facts.project.relative(place)
    return "."


def _environment(facts: Facts, backend: Path) -> Environment | None:
    try:
        found = facts.get(Environments).environments
    except Absent:
        return None
    return next((each for each in found if each.backend == str(backend)), None)


def _base(facts: Facts, environment: Environment | None) -> str:
    """Return the Python that the present environment was made from, else the one on PATH."""
    python = base_of(facts.host, environment) if environment else facts.host.which("python3")
    if python is None:
        raise Refused(what="no Python", why="no python3 is on PATH", next="Install python3.")
    return python


def _system(facts: Facts, environment: Environment) -> bool:
    said = configured(facts.host, environment.prefix).get("include-system-site-packages")
    return said == "true"


def _local(facts: Facts, environment: Environment | None) -> tuple[Local, ...]:
    """Return what is installed from directories: of the checkout, or of the release that serves, by its path in a
    release; of elsewhere as a copy, since a release follows nothing that changes.
    """
    home, found = home_of(facts.project), []
    for each in environment.distributions if environment else ():
        if each.local is None or facts.host.stat(each.local) is None:
            continue
        if Path(each.local).is_relative_to(home.releases):
            found.append(Local(each.name, home.holds(each.local) or ".", each.editable))
        elif facts.project.contains(each.local):
            found.append(Local(each.name, facts.project.relative(each.local), each.editable))
        else:
            found.append(Local(each.name, each.local, editable=False))
    return tuple(found)
