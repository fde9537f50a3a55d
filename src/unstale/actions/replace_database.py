"""Brings a backup back, and what it replaced; either keeps what was there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from unstale.action import Action, Keep
from unstale.errors import Absent, Failed, UnstaleError
from unstale.facts.sqlite import Databases
from unstale.layer import Layer, Risk
from unstale.store import Store, unaccepted, written_since
from unstale.stores.find import AnyStore
from unstale.stores.note import digest_noted
from unstale.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from unstale.fact import Facts
    from unstale.host import Host


@dataclass(frozen=True, slots=True)
class ReplaceDatabase(Action):
    """Replace a database that nobody uses by its backup. A kill leaves the old one or the new one, whole."""

    risk: ClassVar[Risk] = Risk.DESTRUCTIVE
    layer: ClassVar[Layer] = Layer.DATABASE
    undoable: ClassVar[bool] = True

    store: AnyStore
    source: str

    def title(self) -> str:
        return f"replace {self.store.label} by {self.source}"

    def preview(self) -> tuple[str, ...]:
        if isinstance(self.store, SqliteStore):
            path = self.store.path
            moves = (
                f"mv {path}{suffix} {path}{suffix}.replaced" for suffix in ("", "-wal", "-shm")
            )
            return (*moves, f"cp {self.source} {path}")
        name = self.store.name
        return (
            f"createdb {name}_new && pg_restore -d {name}_new {self.source}",
            f'psql postgres -c \'ALTER DATABASE "{name}" RENAME TO "{name}_replaced"\'',
            f'psql postgres -c \'ALTER DATABASE "{name}_new" RENAME TO "{name}"\'',
        )

    def settled(self, facts: Facts) -> bool:
        return False

    def blocked(self, facts: Facts) -> str | None:
        return in_use(self.store, facts)

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return PutDatabaseBack(self.store.label, self.store, str(keep.state))

    def apply(self, host: Host, keep: Keep) -> None:
        host.makedirs(str(keep.state))
        self.store.restore(host, self.source, str(keep.state))


@dataclass(frozen=True, slots=True)
class PutDatabaseBack(Action):
    """Put the database back that a restore replaced, unless rows were written since.

    `path` names what is changed; `kept` is the directory of the step that replaced it; `accept` is how many rows may
    be lost, exactly. What is replaced is kept either way, so this can be taken back too.
    """

    risk: ClassVar[Risk] = Risk.DESTRUCTIVE
    layer: ClassVar[Layer] = Layer.DATABASE
    undoable: ClassVar[bool] = True

    path: str
    store: AnyStore
    kept: str
    accept: int | None = None

    def title(self) -> str:
        return f"put {self.path} back as it was before the restore"

    def preview(self) -> tuple[str, ...]:
        return (f"ls {self.kept}",)

    def settled(self, facts: Facts) -> bool:
        return not self.store.replaced(facts.host, self.kept)

    def happened(self, host: Host) -> bool:
        """Return whether the step that this takes back came to its effect."""
        return self.store.replaced(host, self.kept)

    def lacks(self, host: Host) -> str | None:
        """Return what is not there any more that this needs."""
        return None if host.stat(self.kept) is not None else f"{self.kept} is no longer there"

    def losses(self, host: Host) -> dict[str, int]:
        """Return the rows by table that were written since, and that are nowhere else."""
        if not self.store.replaced(host, self.kept):
            return {}
        return written_since(digest_noted(host, self.kept), _digest(self.store, host))

    def accepting(self, rows: int) -> PutDatabaseBack:
        """Return the same, allowed to lose exactly so many rows from the live database."""
        return replace(self, accept=rows)

    def blocked(self, facts: Facts) -> str | None:
        return self.unacceptable(facts.host) or in_use(self.store, facts)

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return PutDatabaseBack(self.path, self.store, str(keep.state))

    def apply(self, host: Host, keep: Keep) -> str | None:
        if why_not := self.unacceptable(host):
            raise Failed(what=f"{self.path} is not put back", why=why_not, next="Look at the rows.")
        host.makedirs(str(keep.state))
        self.store.put_back(host, self.kept, str(keep.state))
        if not self.store.replaced(host, str(keep.state)):
            return None
        return f"what was there is kept: {self.store.kept_as(host, str(keep.state))}"

    def unacceptable(self, host: Host) -> str | None:
        """Return why what is there now must not be given up: rows that would be lost, and that nobody accepted."""
        return unaccepted(self.losses(host), self.accept)


def in_use(store: AnyStore, facts: Facts) -> str | None:
    """Return why a database must not be replaced now: who uses it, or whose deleted one is still open."""
    if isinstance(store, SqliteStore):
        try:
            lost = facts.get(Databases).lost(store.path)
        except Absent:
            lost = None
        if lost is not None:
            return f"a deleted {store.path} is still open: unstale fix DBF002"
    used = store.users(facts.host)
    return f"{', '.join(used)} uses it: stop it first" if used else None


def _digest(store: Store, host: Host) -> dict[str, tuple[int, str]]:
    """Return what it holds; of one that cannot be read nothing can be saved."""
    try:
        return store.digest(host)
    except UnstaleError:
        return {}
