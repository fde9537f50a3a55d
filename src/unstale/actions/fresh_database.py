"""Begins a SQLite database anew from the migrations, and fills it as the project says; the former one is kept."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from unstale.action import Action, Decided, Keep
from unstale.actions.replace_database import PutDatabaseBack
from unstale.errors import Failed
from unstale.facts.env_files import secrets
from unstale.layer import Layer, Risk
from unstale.migration.upgrade import Order, environment_of, upgrade
from unstale.redact import hide
from unstale.stores.note import note_digest
from unstale.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from unstale.fact import Facts
    from unstale.host import Host


@dataclass(frozen=True, slots=True)
class FreshDatabase(Action):
    """Migrate an empty file beside, then let it take the database's place, and fill it by the project's `seed`.

    `pid` and `kept`: whose environment both need, as in Order. `cwd` is where the seed runs. A kill leaves the old
    one or the new one, and what a killed seed left is kept beside.
    """

    risk: ClassVar[Risk] = Risk.DESTRUCTIVE
    layer: ClassVar[Layer] = Layer.DATABASE
    undoable: ClassVar[bool] = True

    store: SqliteStore
    config: str
    python: str
    target: str
    pid: int | None = None
    kept: str = ""
    seed: str = ""
    cwd: str = ""

    def title(self) -> str:
        filled = f", filled by {self.seed}," if self.seed else ""
        return f"begin {self.store.label} anew from its migrations{filled} and keep the present one"

    def preview(self) -> tuple[str, ...]:
        place = Path(self.config)
        alembic = f"{self.python} -m alembic -c {place.name} upgrade {self.target}"
        return (
            f"mv {self.store.path} {self.store.path}.former",
            f"cd {place.parent} && {alembic}",
            *((f"cd {self.cwd} && {self.seed}",) if self.seed else ()),
        )

    def settled(self, facts: Facts) -> bool:
        return False

    def inverse(self, facts: Facts, keep: Keep) -> PutDatabaseBack:
        return PutDatabaseBack(self.store.label, self.store, str(keep.state))

    def apply(self, host: Host, keep: Keep) -> None:
        """Look again who uses it: the processes were stopped by an earlier step."""
        host.makedirs(str(keep.state))
        used = self.store.users(host)
        if used:
            raise self._failed(f"{', '.join(used)} uses it")
        fresh = SqliteStore(f"{keep.state}/fresh.db")
        host.write(fresh.path, b"")
        order = Order(self.store, self.config, self.python, self.pid, self.target, self.kept)
        ran = upgrade(
            host, order, f"{keep.state}/record.jsonl", redirect=self.store.redirect(fresh)
        )
        if ran.error:
            raise self._failed(ran.error)
        self.store.restore(host, fresh.path, str(keep.state))
        if self.seed:
            self._fill(host, keep)

    def recover(self, facts: Facts, keep: Keep) -> Decided | None:
        """Put the former one back where the seed was killed; whatever rows it left are kept beside."""
        host, filling = facts.host, f"{keep.state}/filling"
        seen = host.stat(filling)
        if seen is None or not seen.size or not self.store.replaced(host, str(keep.state)):
            return None
        back = self.inverse(facts, keep)
        back = back.accepting(sum(back.losses(host).values()))
        half = keep.state / "half"
        back.apply(host, Keep(keep.trash, half))
        return Decided(
            done=False, words=f"the former database is back, the half filled is in {half}"
        )

    def _fill(self, host: Host, keep: Keep) -> None:
        """Run the seed; what it writes, also when it fails, is no one's that undo would lose."""
        host.write(f"{keep.state}/filling", self.seed.encode())
        words = shlex.split(self.seed)
        argv = (self.python, *words[1:]) if words[0] in ("python", "python3") else tuple(words)
        env = environment_of(host, self.pid, self.kept)
        path = f"{Path(self.python).parent}:{env.get('PATH') or host.environ('PATH') or ''}"
        try:
            done = host.act(argv, cwd=self.cwd, env=tuple({**env, "PATH": path}.items()))
        finally:
            note_digest(host, str(keep.state), self.store.digest(host))
            host.write(f"{keep.state}/filling", b"")
        if done.code != 0:
            said = (done.err.strip() or done.out.strip() or f"exit {done.code}").splitlines()[-1]
            why = hide(said, secrets(host, env.values(), f"{self.cwd}/.env"))
            raise self._failed(f"{self.seed} failed: {why}")

    def _failed(self, why: str) -> Failed:
        return Failed(
            what=f"{self.store.label} is not begun anew",
            why=why,
            next="Mend that; nothing is lost.",
        )
