"""Brings a PostgreSQL database back to the dump that was made before its migration."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from unstale.action import Action, Keep
from unstale.actions.replace_database import PutDatabaseBack, in_use
from unstale.errors import Failed
from unstale.layer import Layer, Risk
from unstale.store import Digest, unaccepted, written_since
from unstale.stores.find import AnyStore

if TYPE_CHECKING:
    from unstale.fact import Facts
    from unstale.host import Host


@dataclass(frozen=True, slots=True)
class RestoreServer(Action):
    """Restore the dump `before` beside the database, then exchange the names; what was there is kept by its new name.

    `after` holds the digest at the end of the step; it is not there where the step changed nothing. Rows that were
    written since are not lost, but refused, unless `accept` is their number.
    """

    risk: ClassVar[Risk] = Risk.DESTRUCTIVE
    layer: ClassVar[Layer] = Layer.SCHEMA
    undoable: ClassVar[bool] = True

    path: str
    store: AnyStore
    before: str
    after: str
    accept: int | None = None

    def title(self) -> str:
        return f"restore {self.path} as it was before the migration"

    def preview(self) -> tuple[str, ...]:
        name = self.path.rpartition("/")[2]
        return (f"pg_restore --clean --if-exists -d {name} {self.before}",)

    def settled(self, facts: Facts) -> bool:
        return facts.host.stat(self.after) is None

    def lacks(self, host: Host) -> str | None:
        """Return what is not there any more that this needs."""
        gone = [each for each in (self.before, self.after) if host.stat(each) is None]
        return f"{gone[0]} is no longer there" if gone else None

    def losses(self, host: Host) -> dict[str, int]:
        """Return the rows by table that were written since the step; all of them where its end was not noted."""
        return written_since(self._noted(host), self.store.digest(host))

    def accepting(self, rows: int) -> RestoreServer:
        """Return the same restore, allowed to lose exactly so many rows; what is replaced is kept either way."""
        return replace(self, accept=rows)

    def blocked(self, facts: Facts) -> str | None:
        return self.unacceptable(facts.host) or in_use(self.store, facts)

    def inverse(self, facts: Facts, keep: Keep) -> Action:
        return PutDatabaseBack(self.path, self.store, str(keep.state))

    def apply(self, host: Host, keep: Keep) -> str | None:
        if host.stat(self.after) is None:
            return None  # the step ended before it changed anything
        why_not = self.lacks(host) or self.unacceptable(host)
        if why_not is not None:
            raise Failed(
                what=f"{self.path} is not restored",
                why=why_not,
                next=f"The backup is {self.before}.",
            )
        host.makedirs(str(keep.state))
        self.store.restore(host, self.before, str(keep.state))
        return f"what was there is kept: {self.store.kept_as(host, str(keep.state))}"

    def unacceptable(self, host: Host) -> str | None:
        """Return why what is there now must not be given up: rows that would be lost, and that nobody accepted."""
        return unaccepted(self.losses(host), self.accept)

    def _noted(self, host: Host) -> Digest:
        try:
            return {
                name: (rows, mark)
                for name, (rows, mark) in json.loads(host.read(self.after)).items()
            }
        except (AttributeError, OSError, TypeError, ValueError):
            return {}
