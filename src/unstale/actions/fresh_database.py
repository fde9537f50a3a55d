"""Begins a SQLite database anew from the migrations, and fills it as the project says; the former one is kept."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from unstale.action import Action, Keep
from unstale.actions.replace_database import PutDatabaseBack
from unstale.actions.restore_database import RestoreDatabase
from unstale.errors import Failed
from unstale.facts.env_files import secrets
from unstale.layer import Layer, Risk
from unstale.migration.upgrade import Order, environment_of, upgrade
from unstale.redact import hide
from unstale.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from unstale.fact import Facts
    from unstale.host import Host


@dataclass(frozen=True, slots=True)
class FreshDatabase(Action):
    """Migrate an empty file beside, then let it take the database's place. A kill leaves the old or the new one."""

    risk: ClassVar[Risk] = Risk.DESTRUCTIVE
    layer: ClassVar[Layer] = Layer.DATABASE
    undoable: ClassVar[bool] = True

    store: SqliteStore
    config: str
    python: str
    target: str
    pid: int | None = None
    kept: str = ""

    def title(self) -> str:
        return f"begin {self.store.label} anew from its migrations, and keep the present one"

    def preview(self) -> tuple[str, ...]:
        place = Path(self.config)
        alembic = f"{self.python} -m alembic -c {place.name} upgrade {self.target}"
        return (f"mv {self.store.path} {self.store.path}.former", f"cd {place.parent} && {alembic}")

    def settled(self, facts: Facts) -> bool:
        return False

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return PutDatabaseBack(self.store.label, self.store, str(keep.state))

    def apply(self, host: Host, keep: Keep) -> None:
        """Look again who uses it: the processes were stopped by an earlier step."""
        host.makedirs(str(keep.state))
        used = self.store.users(host)
        if used:
            raise Failed(
                what=f"{self.store.label} is not begun anew",
                why=f"{', '.join(used)} uses it",
                next="Stop it first.",
            )
        fresh = SqliteStore(f"{keep.state}/fresh.db")
        host.write(fresh.path, b"")
        order = Order(self.store, self.config, self.python, self.pid, self.target, self.kept)
        ran = upgrade(
            host, order, f"{keep.state}/record.jsonl", redirect=self.store.redirect(fresh)
        )
        if ran.error:
            raise Failed(
                what=f"{self.store.label} is not begun anew",
                why=ran.error,
                next=self.preview()[-1],
            )
        self.store.restore(host, fresh.path, str(keep.state))


@dataclass(frozen=True, slots=True)
class Seed(Action):
    """Run the command that fills a fresh database. Undo restores what was there before, unless rows came since."""

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.SCHEMA
    undoable: ClassVar[bool] = True

    store: SqliteStore
    command: str
    cwd: str
    python: str
    pid: int | None = None
    kept: str = ""

    def title(self) -> str:
        return f"fill {self.store.label} by {self.command}"

    def preview(self) -> tuple[str, ...]:
        return (f"cd {self.cwd} && {self.command}",)

    def settled(self, facts: Facts) -> bool:
        return False

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        before, after = f"{keep.state}/before.db", f"{keep.state}/after.json"
        return RestoreDatabase(self.store.path, before, after, existed=True)

    def apply(self, host: Host, keep: Keep) -> None:
        host.makedirs(str(keep.state))
        self.store.backup(host, f"{keep.state}/before.db")
        noted = f"{keep.state}/after.json"
        host.write(noted, b"not noted")  # from here on the step may have changed the database
        words = shlex.split(self.command)
        argv = (self.python, *words[1:]) if words[0] in ("python", "python3") else tuple(words)
        env = environment_of(host, self.pid, self.kept)
        path = f"{Path(self.python).parent}:{env.get('PATH') or host.environ('PATH') or ''}"
        try:
            done = host.act(argv, cwd=self.cwd, env=tuple({**env, "PATH": path}.items()))
        finally:
            host.write(noted, json.dumps(self.store.digest(host)).encode())
        if done.code != 0:
            said = (done.err.strip() or done.out.strip() or f"exit {done.code}").splitlines()[-1]
            why = hide(said, secrets(host, env.values(), f"{self.cwd}/.env"))
            raise Failed(what=f"{self.command} failed", why=why, next=self.preview()[0])
