"""Composes the way from a used development tree to a clean one: the steps of `unstale reset`, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from unstale.action import Action
from unstale.actions.container import replacing
from unstale.actions.database import migration
from unstale.actions.files import MoveToTrash
from unstale.actions.fresh_database import FreshDatabase
from unstale.actions.new_modules import modules_anew
from unstale.actions.node import Rebuild
from unstale.actions.renewing import renewing
from unstale.actions.standstill import BACKEND, FRONTEND, Run, Stop, running, shown
from unstale.errors import Refused
from unstale.fact import Facts
from unstale.facts.app_processes import AppProcesses
from unstale.facts.compose import Compose
from unstale.facts.docker import Containers
from unstale.facts.environment import Environments
from unstale.facts.migrations import MigrationHistories
from unstale.facts.sqlite import Databases
from unstale.facts.sqlite_content import DatabaseContents
from unstale.stores.sqlite import SqliteStore

DATABASE, DOCKER = "database", "docker"
PARTS = (BACKEND, FRONTEND, DATABASE, DOCKER)
EVERYTHING = frozenset((BACKEND, FRONTEND, DATABASE))
"""What is made anew unless parts are named: building containers takes minutes, and is asked for."""
_PYTHON_CACHES = ("__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache")
_NODE_CACHES = (".vite", ".turbo", ".parcel-cache")
_LEFT = (".git", ".unstale", "node_modules", ".venv", "venv", "site-packages", ".tox", ".nox")


@dataclass(frozen=True, slots=True)
class Wish:
    """How much is made anew: which of PARTS, from the caches or past them, with what else."""

    parts: frozenset[str] = EVERYTHING
    cache: bool = True
    fresh_db: bool = False
    detach: bool = False


def steps(facts: Facts, wish: Wish, place: str) -> tuple[Action, ...]:
    """Return the steps. `place` is a directory of ours (0700) that keeps what starts each process again."""
    root = str(facts.project.root)
    parts = tuple(each for each in (BACKEND, FRONTEND) if _stops(wish, each))
    changes = tuple(_changes(facts, wish, place))
    if not changes or not running(facts, parts):
        return changes
    around = (root, place, parts, wish.detach)
    return (Stop(*around, shown(facts, parts)), *changes, Run(*around))


def _stops(wish: Wish, part: str) -> bool:
    """Return whether what runs of a part must stop: a database is changed under no running server."""
    return part in wish.parts or (part == BACKEND and DATABASE in wish.parts)


def _changes(facts: Facts, wish: Wish, place: str) -> Iterator[Action]:
    caches = tuple(_caches(facts, wish))
    if caches:
        yield MoveToTrash(caches, regrown=True)
    if BACKEND in wish.parts:
        environments = facts.maybe(Environments)
        for each in environments.environments if environments else ():
            if facts.project.contains(each.prefix):
                yield renewing(facts, each, cache=wish.cache)
    if FRONTEND in wish.parts:
        yield from _front_ends(facts, wish)
    if DATABASE in wish.parts:
        yield from _fresh(facts, place) if wish.fresh_db else _migrations(facts, place)
    if DOCKER in wish.parts:
        yield from _containers(facts)


def _front_ends(facts: Facts, wish: Wish) -> Iterator[Action]:
    for each in facts.project.frontends:
        modules = modules_anew(facts, each, cache=wish.cache)
        here = facts.host.stat(str(each.dist)) is not None
        built = here and (each.kind != "next" or _built_by_next(facts, str(each.dist)))
        if here and not built:
            yield MoveToTrash((str(each.dist),), regrown=True)
        if modules is not None:
            yield modules
            if built:
                yield Rebuild(str(each.path), each.kind, each.build, str(each.dist), anew=True)


def _built_by_next(facts: Facts, dist: str) -> bool:
    """Return whether it is a build, as `next start` asks; else what `next dev` keeps and makes again by itself."""
    return facts.host.stat(f"{dist}/BUILD_ID") is not None


def _migrations(facts: Facts, place: str) -> Iterator[Action]:
    """Yield the migration of each database that is behind; one that is at its head is not touched.

    The process whose environment it needs is stopped by then, and kept in `place`.
    """
    histories, databases = facts.maybe(MigrationHistories), facts.maybe(Databases)
    for history in histories.histories if histories else ():
        if history.unread:
            continue  # what is pending is not known: left_out says so
        for file in databases.of(history.backend) if databases else ():
            content = facts.get(DatabaseContents).of(file.path)
            applied = content.revisions if content else None
            if applied is not None and history.pending(applied):
                action = migration(file, history)
                if action is not None:
                    yield replace(action, kept=_kept(facts, action.pid, place))


def _kept(facts: Facts, pid: int | None, place: str) -> str:
    """Return the file that keeps the process's environment once it is stopped: that of whoever leads it."""
    processes = facts.maybe(AppProcesses)
    mine = (each for each in (processes.processes if processes else ()) if each.pid == pid)
    found = next(mine, None)
    return f"{place}/{processes.leader_of(found).pid}.json" if processes and found else ""


def _fresh(facts: Facts, place: str) -> Iterator[Action]:
    """Yield what begins each database anew, and what fills it. Raises Refused where the project does not say how."""
    histories, databases = facts.maybe(MigrationHistories), facts.maybe(Databases)
    found = [
        (migration(file, history), history.backend)
        for history in (histories.histories if histories else ())
        for file in (databases.of(history.backend) if databases else ())
    ]
    ready = [(each, backend) for each, backend in found if each is not None]
    if not ready:
        raise Refused(
            what="--fresh-db cannot begin a database anew",
            why="no SQLite database with an alembic history and an interpreter was found",
            next="unstale db status",
        )
    unread = (
        [path for history in histories.histories for path in history.unread] if histories else []
    )
    if unread:
        raise Refused(
            what="--fresh-db cannot begin a database anew",
            why=f"{facts.project.relative(unread[0])} is no valid script",
            next=f"Mend it: python -m py_compile {unread[0]}",
        )
    seed = facts.project.settings.database.get("seed") or ""
    for action, backend in ready:
        if isinstance(action.store, SqliteStore):
            whose = (action.pid, _kept(facts, action.pid, place))
            target = (action.config, action.python, action.target)
            cwd = str(backend or facts.project.root)
            yield FreshDatabase(action.store, *target, *whose, seed, cwd)


def _containers(facts: Facts) -> Iterator[Action]:
    containers, compose = facts.maybe(Containers), facts.maybe(Compose)
    for each in containers.containers if containers else ():
        action = replacing(each, compose, build=each.built_here, anew=True)
        if action is not None:
            yield action


def _caches(facts: Facts, wish: Wish) -> Iterator[str]:
    """Yield what tools make again by themselves: bytecode, caches, the incremental state of TypeScript and Vite."""
    root, inside = facts.project.root, "\0"
    for entry in facts.host.walk(str(root), _LEFT):
        if entry.path.startswith(inside):
            continue
        name = entry.path.rpartition("/")[2]
        part = BACKEND if name in _PYTHON_CACHES else FRONTEND
        cache = entry.kind == "dir" and name in (*_PYTHON_CACHES, *_NODE_CACHES)
        if part in wish.parts and (cache or name.endswith(".tsbuildinfo")):
            if cache:
                inside = f"{entry.path}/"
            if facts.project.contains(f"{root}/{entry.path}"):
                yield f"{root}/{entry.path}"
