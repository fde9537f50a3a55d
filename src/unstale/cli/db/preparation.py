"""What comes before a migration: which one is meant, what the lint says, what a rehearsal shows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

from unstale.action import Keep
from unstale.actions.database import RunMigrations
from unstale.actions.scratch import scratch_place
from unstale.errors import Refused
from unstale.fact import Facts
from unstale.facts.app_processes import AppProcesses
from unstale.facts.migrations import History
from unstale.facts.sources import setting_up
from unstale.journal import Journal
from unstale.migration.lint import lint
from unstale.migration.patience import DRIVER, patience
from unstale.migration.prepare import (
    case_of,
    file_of,
    history_of,
    pending_of,
    reached,
    revision_named,
    store_of,
)
from unstale.migration.rehearsal import rehearse
from unstale.migration.squawk import squawks
from unstale.render.migration import Told
from unstale.stores.find import AnyStore


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says: up to which revision, which database, which alembic.ini, and whatever its locks."""

    to: str | None
    database: str | None
    config: str | None
    anyway: bool


def look(facts: Facts, wanted: Wanted) -> tuple[Told, RunMigrations | None]:
    """Return what is pending, and the action; None where nothing is. Raises UsageError, Refused."""
    history = history_of(facts, wanted.config)
    store = store_of(facts, history, wanted.database)
    source = store.revisions(facts.host)
    pending = pending_of(history, source, wanted.to)
    case = case_of(facts, history, store, pending, _edited(facts, history, source))
    target = reached(history, source, pending)
    told = Told(store.label, source, target, case, (), _budget(facts, store, history))
    if not pending:
        return replace(told, state="nothing"), None
    if not source and store.schema(facts.host):
        raise Refused(
            what=f"{store.label} is not under alembic",
            why="it has tables and no revision",
            next="unstale db adopt",
        )
    action = _action(history, store, told, wanted.to)
    if why_not := action.blocked(facts):
        raise Refused(what="nothing was migrated", why=why_not, next="Run it again then.")
    return told, action


def rehearsed(
    facts: Facts, told: Told, action: RunMigrations, *, anyway: bool
) -> tuple[Told, RunMigrations | None]:
    """Rehearse on a copy and lint; the action is None where it may not go on."""
    keep = Keep(facts.project.trash / "rehearsal", facts.project.state / "rehearsal")
    place = scratch_place(facts.host, action.store, keep)
    seen = rehearse(facts.host, action.order, place)
    case = replace(told.case, rehearsed=seen, budget=told.budget[0])
    remarks = (*lint(case), *squawks(facts.host, case))
    told = replace(told, case=case, remarks=remarks)
    if not seen.record.done:
        note = f"the rehearsal failed, nothing was changed: {seen.record.error}"
        return replace(told, state="failed", note=note), None
    if any(each.severity == "stop" for each in told.remarks) and not anyway:
        note = "the app would not wait that long; nothing was changed (--anyway goes on)"
        return replace(told, state="refused", note=note), None
    budget = math.inf if anyway and told.budget[0] is not None else told.budget[0]
    return told, replace(action, rehearsed=seen, budget=budget)


def _budget(facts: Facts, store: AnyStore, history: History) -> tuple[float | None, str]:
    file = file_of(facts, store)
    if file is not None:
        texts = facts.shared(setting_up, str(history.backend)) if history.backend else ()
        own = str(Path(history.config).parent / "alembic")
        return patience(file, [text for path, text in texts if not path.startswith(own)])
    apps = facts.maybe(AppProcesses)
    running = apps.of("server", "job") if apps else ()
    if any(each.backend == history.backend for each in running):
        return DRIVER, "no more is asked of its users"
    return None, "no process of the project runs"


def _action(history: History, store: AnyStore, told: Told, to: str | None) -> RunMigrations:
    if history.python is None:
        raise Refused(
            what="nothing was migrated",
            why="the project's Python is not known",
            next='Name it: unstale.toml [backend] python = ".venv/bin/python"',
        )
    head = "head" if len(history.heads) == 1 else "heads"
    return RunMigrations(
        store=store,
        config=history.config,
        python=history.python,
        pid=history.pid,
        heads=told.target,
        target=revision_named(history, to) if to else head,
        budget=told.budget[0],
        scripts=tuple(each.path for each in told.case.scripts),
    )


def _edited(facts: Facts, history: History, applied: tuple[str, ...]) -> tuple[str, ...]:
    """Return the applied scripts that are no longer what our journal says was applied."""
    journal = Journal(facts.project.state)
    known: dict[str, str] = {}
    for line in journal.lines():
        known |= line.data.get("outcome", {}).get("scripts", {}) if line.event == "done" else {}
    done = {*applied, *(under for each in applied for under in history.ancestors(each))}
    paths = [each.path for each in history.revisions if each.id in done and each.path in known]
    return tuple(path for path in paths if facts.host.hash(path) != known[path])
