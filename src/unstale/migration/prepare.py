"""Which migration a command means: one history, one database, the pending scripts in their order."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from unstale.errors import Absent, Unavailable, UsageError
from unstale.facts.migrations import History, MigrationHistories
from unstale.facts.sqlite import DatabaseFile, Databases
from unstale.migration.case import Case
from unstale.migration.script import Script, script_of
from unstale.stores.find import AnyStore, one, stores
from unstale.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from unstale.fact import Facts
    from unstale.facts.revision import Revision
    from unstale.host import Host


def history_of(facts: Facts, named: str | None) -> History:
    """Return the history of that alembic.ini, or the only one. Raises UsageError."""
    try:
        found = facts.get(MigrationHistories).histories
    except (Absent, Unavailable) as error:
        raise UsageError(what=error.what, why=error.why, next=error.next) from None
    root = facts.project.root
    meant = [
        each for each in found if named is None or Path(each.config) == (root / named).resolve()
    ]
    if len(meant) != 1:
        names = ", ".join(facts.project.relative(each.config) for each in found)
        raise UsageError(
            what="which history is meant?" if meant else f"unknown history: {named}",
            why=f"the project has {names}",
            next=f"Add --config {facts.project.relative((meant or found)[0].config)}",
        )
    if meant[0].unread:
        why = f"{', '.join(map(facts.project.relative, meant[0].unread))} is no valid script"
        raise UsageError(what="the migrations cannot be read", why=why, next="Mend it.")
    return meant[0]


def store_of(facts: Facts, history: History, named: str | None) -> AnyStore:
    """Return the database of that label, or the one that alembic reaches from its directory. Raises UsageError."""
    with suppress(Absent):
        here = str(Path(history.config).parent)
        reached = [
            each
            for each in (stores(facts) if named is None else ())
            if not isinstance(each, SqliteStore)
            or (file := file_of(facts, each)) is None
            or file.reached_from(here)
        ]
        if len(reached) == 1:
            return reached[0]
    return one(facts, named)


def file_of(facts: Facts, store: AnyStore) -> DatabaseFile | None:
    """Return what is known of a SQLite store's file."""
    databases = facts.maybe(Databases) if isinstance(store, SqliteStore) else None
    return next(
        (each for each in (databases.files if databases else ()) if each.path == store.label), None
    )


def pending_of(history: History, applied: tuple[str, ...], to: str | None) -> tuple[Revision, ...]:
    """Return what is to be applied, parents first, up to the revision whose id begins with `to`. Raises UsageError."""
    pending = history.pending(applied)
    if pending is None:
        raise UsageError(
            what="the database is at a revision that no script has",
            why=f"alembic_version holds {' '.join(applied)}",
            next=f"git log --all -S {applied[0]}",
        )
    if to is not None:
        target = revision_named(history, to)
        wanted = history.ancestors(target) | {target}
        pending = tuple(each for each in pending if each.id in wanted)
    return tuple(sorted(pending, key=lambda each: (len(history.ancestors(each.id)), each.id)))


def revision_named(history: History, to: str) -> str:
    """Return the one revision whose id begins so. Raises UsageError."""
    found = [each.id for each in history.revisions if each.id == to] or [
        each.id for each in history.revisions if each.id.startswith(to)
    ]
    if len(found) != 1:
        raise UsageError(
            what=f"unknown revision: {to}" if not found else f"which revision is {to}?",
            why=f"the scripts have {', '.join(found or history.heads)}",
            next="Name one of them.",
        )
    return found[0]


def reached(
    history: History, applied: tuple[str, ...], pending: tuple[Revision, ...]
) -> tuple[str, ...]:
    """Return what alembic_version holds once these are applied."""
    there = {*applied, *(each.id for each in pending)}
    under = {below for each in there for below in history.ancestors(each)}
    return tuple(sorted(there - under))


def case_of(
    facts: Facts,
    history: History,
    store: AnyStore,
    pending: tuple[Revision, ...],
    edited: tuple[str, ...],
) -> Case:
    """Return what the lint judges before a rehearsal."""
    env = _env_path(facts, history)
    text = b""
    with suppress(OSError):
        text = facts.host.read(env)
    names = facts.host.names(str(Path(history.config).parent))
    return Case(
        kind=store.kind,
        scripts=tuple(_script(facts.host, each) for each in pending),
        heads=history.heads,
        config=history.config,
        env_path=env,
        env=text.decode("utf-8", "replace"),
        own=frozenset(name.removesuffix(".py") for name in names) - {"alembic"},
        edited=edited,
    )


def _script(host: Host, revision: Revision) -> Script:
    return script_of(revision.id, revision.path, host.read(revision.path))


def _env_path(facts: Facts, history: History) -> str:
    """Return env.py: beside the directory of versions, wherever script_location is."""
    mine = next(each for each in facts.project.migrations if str(each.config) == history.config)
    return str(mine.versions[0].parent / "env.py")
