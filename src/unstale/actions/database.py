"""Migrates a database after a verified backup."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from unstale.action import Action, Keep
from unstale.actions.restore_database import RestoreDatabase
from unstale.errors import Failed
from unstale.facts.env_files import secrets
from unstale.facts.environ import environ_of
from unstale.facts.sqlite import DatabaseFile, Databases
from unstale.facts.sqlite_content import DatabaseContents
from unstale.facts.sqlite_locks import DatabaseLocks
from unstale.layer import Layer, Risk
from unstale.redact import hide

if TYPE_CHECKING:
    from unstale.fact import Facts
    from unstale.facts.migrations import History
    from unstale.host import Host


@dataclass(frozen=True, slots=True)
class RunMigrations(Action):
    """Back the database up, then `alembic upgrade head` as the running process would run it.

    `pid` is a process whose environment is used, or None for ours; it is never shown or journaled.
    """

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.SCHEMA
    undoable: ClassVar[bool] = True

    path: str
    config: str
    python: str
    pid: int | None
    heads: tuple[str, ...]

    def title(self) -> str:
        return f"back up {self.path} and migrate it to {', '.join(self.heads)}"

    def preview(self) -> tuple[str, ...]:
        place = Path(self.config)
        alembic = f"{self.python} -m alembic -c {place.name} upgrade {self._target()}"
        return (
            f"sqlite3 {self.path} \".backup '{self.path}.backup'\"",
            f"cd {place.parent} && {alembic}",
        )

    def settled(self, facts: Facts) -> bool:
        content = facts.get(DatabaseContents).of(self.path)
        return content is not None and content.revisions == tuple(sorted(self.heads))

    def blocked(self, facts: Facts) -> str | None:
        if facts.get(Databases).lost(self.path) is not None:
            return f"a deleted {self.path} is still open: unstale fix DBF002"
        held = facts.get(DatabaseLocks).of(self.path)
        return f"process {held[0].pid} locks it: unstale fix DBF001" if held else None

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        seen = facts.host.stat(self.path)
        before = f"{keep.state}/before.db" if seen and seen.size else None
        return RestoreDatabase(
            self.path, before, f"{keep.state}/after.json", existed=seen is not None
        )

    def apply(self, host: Host, keep: Keep) -> None:
        host.makedirs(str(keep.state))
        seen = host.stat(self.path)
        if seen is not None and seen.size:
            host.backup_database(self.path, f"{keep.state}/before.db")
        host.write(
            f"{keep.state}/after.json", b"not noted"
        )  # from here on the step may have changed the file
        place = Path(self.config)
        environment = environ_of(host, self.pid) if self.pid else {}
        try:
            done = host.act(
                (self.python, "-m", "alembic", "-c", place.name, "upgrade", self._target()),
                cwd=str(place.parent),
                env=tuple(environment.items()),
            )
        finally:
            _note(host, self.path, f"{keep.state}/after.json")
        if done.code != 0:
            said = done.err.strip() or done.out.strip() or f"exit {done.code}"
            values = secrets(host, environment.values(), f"{place.parent}/.env")
            raise Failed(
                what="alembic upgrade failed",
                why=hide(said.splitlines()[-1], values),
                next=f"The backup is in {keep.state}.",
            )

    def _target(self) -> str:
        return "head" if len(self.heads) == 1 else "heads"


def _note(host: Host, path: str, target: str) -> None:
    """Write what the database holds now; an empty one where it is missing or unreadable."""
    seen = host.stat(path)
    digest = host.digest_database(path) if seen is not None and seen.size else {}
    host.write(target, json.dumps(digest).encode())


def migration(file: DatabaseFile, history: History) -> RunMigrations | None:
    """Return the migration of this very file; None where alembic would open another or has no
    interpreter.
    """
    if history.python is None or not file.reached_from(str(Path(history.config).parent)):
        return None
    return RunMigrations(file.path, history.config, history.python, history.pid, history.heads)
