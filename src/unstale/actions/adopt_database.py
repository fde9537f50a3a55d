"""Puts a database under Alembic, and takes it out again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from unstale.action import Action, Keep
from unstale.actions.files import hide
from unstale.actions.replace_database import in_use
from unstale.adoption.prepare import Adoption
from unstale.errors import Failed
from unstale.layer import Layer, Risk
from unstale.store import unaccepted, written_since
from unstale.stores.find import AnyStore
from unstale.stores.note import digest_noted, note_digest

if TYPE_CHECKING:
    from unstale.fact import Facts
    from unstale.host import Host

_TABLE = (
    "CREATE TABLE IF NOT EXISTS alembic_version "
    "(version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)


@dataclass(frozen=True, slots=True)
class AdoptDatabase(Action):
    """Back up, write the files, then mend and stamp in one transaction, which rows that differ take back.

    `fingerprint` is the schema that was compared: another one must be compared anew.
    """

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.SCHEMA
    undoable: ClassVar[bool] = True

    store: AnyStore
    adoption: Adoption
    fingerprint: str

    def title(self) -> str:
        what = "mend and stamp" if self.adoption.rehearsal.statements else "stamp"
        return f"back up {self.store.label}, {what} it at {self.adoption.revision}"

    def preview(self) -> tuple[str, ...]:
        written = tuple(f"write {path}" for path, _ in self.adoption.files)
        return (
            *written,
            *self.adoption.rehearsal.statements,
            f"alembic stamp {self.adoption.revision}",
        )

    def settled(self, facts: Facts) -> bool:
        return self.store.revisions(facts.host) == (self.adoption.revision,)

    def blocked(self, facts: Facts) -> str | None:
        if self.store.fingerprint(facts.host) != self.fingerprint:
            return "its schema was changed since it was compared"
        return None

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        paths = tuple(path for path, _ in self.adoption.files)
        mended = bool(self.adoption.rehearsal.statements)
        kept, revision = str(keep.state), self.adoption.revision
        return ReleaseDatabase(self.store.label, self.store, paths, revision, kept, mended=mended)

    def apply(self, host: Host, keep: Keep) -> None:
        kept = str(keep.state)
        self.store.backup(host, backup_in(kept, self.store))
        for path, text in self.adoption.files:
            host.makedirs(str(Path(path).parent), 0o755)
            host.write(path, text.encode(), 0o644)
        note_digest(
            host, kept, self.adoption.rehearsal.expected
        )  # a kill may come before the true one
        stamp = f"INSERT INTO alembic_version (version_num) VALUES ('{self.adoption.revision}')"  # noqa: S608 - our own hexadecimal
        statements = (*self.adoption.rehearsal.statements, _TABLE, stamp)
        self.store.execute(host, statements, dict(self.adoption.unchanged))
        note_digest(host, kept, self.store.digest(host))


@dataclass(frozen=True, slots=True)
class ReleaseDatabase(Action):
    """Take an adoption back: the files go to the trash, the stamp is removed.

    A database that was only stamped keeps all its rows. One that was mended is replaced by its backup, unless rows were
    written since; `accept` is how many may be lost, exactly. What is replaced is kept.
    """

    risk: ClassVar[Risk] = Risk.DESTRUCTIVE
    layer: ClassVar[Layer] = Layer.SCHEMA

    path: str
    store: AnyStore
    files: tuple[str, ...]
    revision: str
    kept: str
    mended: bool
    accept: int | None = None

    def title(self) -> str:
        return f"take {self.path} out of Alembic again"

    def preview(self) -> tuple[str, ...]:
        return (*(f"rm {path}" for path in self.files), "DROP TABLE alembic_version")

    def settled(self, facts: Facts) -> bool:
        there = any(facts.host.stat(path) for path in self.files)
        return not there and not self.store.revisions(facts.host)

    def happened(self, host: Host) -> bool:
        """Return whether the step that this takes back came to its effect."""
        return self.store.revisions(host) == (self.revision,)

    def lacks(self, host: Host) -> str | None:
        """Return what is not there any more that this needs."""
        backup = backup_in(self.kept, self.store)
        return f"{backup} is no longer there" if self.mended and not host.stat(backup) else None

    def losses(self, host: Host) -> dict[str, int]:
        """Return the rows by table that were written since a mended database was stamped."""
        if not self.mended or not self.store.revisions(host):
            return {}
        now = self.store.digest(host)
        now.pop("alembic_version", None)  # ours
        return written_since(digest_noted(host, self.kept), now)

    def accepting(self, rows: int) -> ReleaseDatabase:
        """Return the same, allowed to lose exactly so many rows from the live database."""
        return replace(self, accept=rows)

    def blocked(self, facts: Facts) -> str | None:
        return self.unacceptable(facts.host) or (in_use(self.store, facts) if self.mended else None)

    def apply(self, host: Host, keep: Keep) -> None:
        if why_not := self.unacceptable(host):
            raise Failed(what=f"{self.path} stays under Alembic", why=why_not, next="unstale log")
        if self.store.revisions(host) and self.mended:
            self.store.restore(host, backup_in(self.kept, self.store), str(keep.state))
        elif self.store.revisions(host):
            self.store.execute(host, ("DROP TABLE alembic_version",), {})
        hide(host, keep.trash)
        for at, path in enumerate(self.files):
            if host.stat(path, follow=False) is not None:
                host.rename(path, f"{keep.trash}/{at}-{Path(path).name}")

    def unacceptable(self, host: Host) -> str | None:
        """Return why what is there now must not be given up: rows that would be lost, and that nobody accepted."""
        revisions = self.store.revisions(host)
        if revisions not in ((), (self.revision,)):
            return f"it was migrated since, to {' '.join(revisions)}"
        return unaccepted(self.losses(host), self.accept)


def backup_in(kept: str, store: AnyStore) -> str:
    """Return the name of the step's backup."""
    return f"{kept}/before.{'db' if store.kind == 'sqlite' else 'dump'}"
