"""Migrates a database: a verified backup, a rehearsal on a copy, the live run, and proof that both did the same."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from unstale import codec
from unstale.action import Action, Decided, Keep
from unstale.actions.migrated import note, settle, shape, write
from unstale.actions.restore_database import RestoreDatabase
from unstale.actions.restore_server import RestoreServer
from unstale.actions.scratch import scratch_place
from unstale.errors import Failed, UnstaleError
from unstale.facts.sqlite import DatabaseFile, Databases
from unstale.facts.sqlite_content import DatabaseContents
from unstale.facts.sqlite_locks import DatabaseLocks
from unstale.layer import Layer, Risk
from unstale.migration.patience import patience
from unstale.stores.find import AnyStore
from unstale.stores.note import note_of
from unstale.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from unstale.fact import Facts
    from unstale.facts.migrations import History
    from unstale.host import Host
    from unstale.migration.case import Rehearsed
    from unstale.migration.rehearsal import Migrated
    from unstale.migration.upgrade import Order


@dataclass(frozen=True, slots=True)
class RunMigrations(Action):
    """Back the database up, rehearse, then `alembic upgrade` as the running process would run it.

    `pid` is a process whose environment is used, or None for ours; it is never shown or journaled. `heads` are the
    revisions to reach, `target` alembic's word for them. `budget` is how long in seconds the app waits for a lock, None
    where nobody uses the database. `kept`: as in Order. `scripts` are the pending
    ones; `rehearsed` spares a second rehearsal.
    """

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.SCHEMA
    undoable: ClassVar[bool] = True

    store: AnyStore
    config: str
    python: str
    pid: int | None
    heads: tuple[str, ...]
    target: str = "head"
    budget: float | None = None
    kept: str = ""
    scripts: tuple[str, ...] = field(default=(), compare=False)
    rehearsed: Any = field(
        default=None, compare=False, repr=False
    )  # a Rehearsed; a check loads no rehearsal

    @property
    def order(self) -> Order:
        """Return what is to be run, live or on a copy."""
        from unstale.migration.upgrade import Order  # noqa: PLC0415 - loaded when something is run

        return Order(self.store, self.config, self.python, self.pid, self.target, self.kept)

    def title(self) -> str:
        return f"back up {self.store.label} and migrate it to {', '.join(self.heads)}"

    def preview(self) -> tuple[str, ...]:
        place, label = Path(self.config), self.store.label
        alembic = f"{self.python} -m alembic -c {place.name} upgrade {self.target}"
        return (
            f"sqlite3 {label} \".backup '{label}.backup'\""
            if isinstance(self.store, SqliteStore)
            else f"pg_dump -Fc -f {self.store.name}.dump {self.store.name}",
            f"cd {place.parent} && {alembic}",
        )

    def settled(self, facts: Facts) -> bool:
        if not isinstance(self.store, SqliteStore):
            return self.store.revisions(facts.host) == tuple(sorted(self.heads))
        content = facts.get(DatabaseContents).of(self.store.path)
        return content is not None and content.revisions == tuple(sorted(self.heads))

    def blocked(self, facts: Facts) -> str | None:
        if not isinstance(self.store, SqliteStore):
            return None
        if facts.get(Databases).lost(self.store.path) is not None:
            return f"a deleted {self.store.path} is still open: unstale fix DBF002"
        held = facts.get(DatabaseLocks).of(self.store.path)
        return f"process {held[0].pid} locks it: unstale fix DBF001" if held else None

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        after = f"{keep.state}/after.json"
        if not isinstance(self.store, SqliteStore):
            return RestoreServer(self.store.label, self.store, f"{keep.state}/before.dump", after)
        seen = facts.host.stat(self.store.path)
        before = f"{keep.state}/before.db" if seen and seen.size else None
        return RestoreDatabase(self.store.path, before, after, existed=seen is not None)

    def apply(self, host: Host, keep: Keep) -> dict[str, Any]:
        from unstale.migration.rehearsal import rehearse, require_fit  # noqa: PLC0415 - as above

        host.makedirs(str(keep.state))
        began, source = host.now(), self.store.revisions(host)
        rows = self._back_up(host, keep)
        rehearsed = self.rehearsed or rehearse(
            host, self.order, scratch_place(host, self.store, keep)
        )
        require_fit(rehearsed, self.budget)
        write(host, f"{keep.state}/expected.json", self._expected(rehearsed, source))
        ran = self._run(host, keep, rehearsed, rows)
        return {
            "from": list(source),
            "to": list(rehearsed.revisions),
            "seconds": round((host.now() - began).total_seconds(), 3),
            "predicted_s": round(rehearsed.locked, 3),
            "locked_s": round(ran.record.locked, 3),
            "meanwhile": ran.meanwhile,
            "scripts": {path: host.hash(path) for path in self.scripts},
        }

    def journaled(self) -> Action:
        return replace(self, scripts=(), rehearsed=None)

    def recover(self, facts: Facts, keep: Keep) -> Decided | None:
        found = settle(facts.host, keep)
        if found == "between":
            raise Failed(
                what=f"{self.store.label} is half migrated",
                why="a script commits by itself, and the run was killed after that",
                next=f"The backup is in {keep.state}; restore it, or: {self.preview()[-1]}",
            )
        words = {"before": "the database is as it was", "after": "the database is migrated"}
        return Decided(done=found == "after", words=words[found])

    def _back_up(self, host: Host, keep: Keep) -> dict[str, int]:
        """Write the backup; return its rows by table."""
        if isinstance(self.store, SqliteStore) and not self.store.size(host):
            return {}
        target = f"{keep.state}/before.{'db' if isinstance(self.store, SqliteStore) else 'dump'}"
        self.store.backup(host, target)
        note = note_of(host, target)
        return note.rows if note else {}

    def _run(self, host: Host, keep: Keep, rehearsed: Rehearsed, rows: dict[str, int]) -> Migrated:
        """Run it live between two notes of what the database holds: what undo may take back is what was noted last."""
        from unstale.migration.rehearsal import migrate  # noqa: PLC0415 - as above

        record, noted = f"{keep.state}/record.jsonl", f"{keep.state}/after.json"
        host.write(noted, b"not noted")  # from here on the step may have changed the database
        try:
            ran = migrate(
                host, self.order, rehearsed, record, rows=rows, shared=self.budget is not None
            )
        except UnstaleError as error:
            settle(host, keep)
            raise Failed(
                what=error.what, why=error.why, next=f"{error.next} The backup is in {keep.state}."
            ) from None
        note(host, self.store, noted)
        return ran

    def _expected(self, rehearsed: Rehearsed, source: tuple[str, ...]) -> dict[str, Any]:
        return {
            "store": codec.encode(self.store),
            "before": shape(source, rehearsed.live),
            "after": shape(rehearsed.revisions, rehearsed.expected),
        }


def migration(
    file: DatabaseFile, history: History, scripts: tuple[str, ...] = ()
) -> RunMigrations | None:
    """Return the migration of this very file; None where alembic would open another or has no
    interpreter.
    """
    if history.python is None or not file.reached_from(str(Path(history.config).parent)):
        return None
    return RunMigrations(
        store=SqliteStore(file.path),
        config=history.config,
        python=history.python,
        pid=history.pid,
        heads=history.heads,
        target="head" if len(history.heads) == 1 else "heads",
        budget=patience(file)[0],
        scripts=scripts,
    )
