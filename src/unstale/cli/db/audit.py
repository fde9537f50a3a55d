"""What the journal says of a database that an undo took back, as the database commands say it of themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from unstale.action import Action
from unstale.actions.adopt_database import ReleaseDatabase
from unstale.actions.replace_database import PutDatabaseBack
from unstale.actions.restore_database import RestoreDatabase
from unstale.actions.restore_server import RestoreServer
from unstale.cli.db.words import trail
from unstale.errors import UnstaleError
from unstale.redact import mask
from unstale.stores.find import AnyStore
from unstale.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from unstale.fact import Facts
    from unstale.perform import Outcome, Run
    from unstale.undo import Ready


def audited(facts: Facts, run: Run, outcomes: Iterable[Outcome], steps: Ready) -> Iterator[Outcome]:
    """Yield what becomes of each step, and note from which revision to which a database went, in how many seconds."""
    work = iter(outcomes)
    for number, (_, action) in enumerate(steps, start=1):
        store, file = _meant(action)
        before, began = _revisions(facts, store), facts.host.now()
        for outcome in work:
            took = round((facts.host.now() - began).total_seconds(), 3)
            yield outcome
            if store is not None and outcome.state == "done":
                words = {"step": number, "database": mask(store.label), "file": file}
                moved = {"from": before, "to": _revisions(facts, store), "took_s": took}
                trail(run, facts.host.now(), {**words, **moved})
            break
    yield from work


def _meant(action: Action) -> tuple[AnyStore | None, str]:
    """Return the database that a step changes, and what it brings back."""
    if isinstance(action, RestoreDatabase):
        return SqliteStore(action.path), action.before or action.after
    if isinstance(action, RestoreServer):
        return action.store, action.before
    if isinstance(action, PutDatabaseBack | ReleaseDatabase):
        return action.store, action.kept
    return None, ""


def _revisions(facts: Facts, store: AnyStore | None) -> list[str]:
    try:
        return list(store.revisions(facts.host)) if store is not None else []
    except (UnstaleError, OSError):  # it is what is taken back that may be unreadable
        return []
