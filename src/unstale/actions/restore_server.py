"""Brings a PostgreSQL database back to the dump that was made before its migration."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from unstale.action import Action, Keep
from unstale.errors import Failed
from unstale.layer import Layer, Risk
from unstale.stores.postgres import PostgresStore
from unstale.stores.url_sources import UrlSource

if TYPE_CHECKING:
    from unstale.fact import Facts
    from unstale.host import Host

_NAMED = 5  # tables and sessions that a refusal names


@dataclass(frozen=True, slots=True)
class RestoreServer(Action):
    """Restore the dump `before` beside the database, then exchange the names; what was there is kept by its new name.

    `after` holds the digest at the end of the step: rows that were written since are not lost, but refused.
    """

    risk: ClassVar[Risk] = Risk.DESTRUCTIVE
    layer: ClassVar[Layer] = Layer.SCHEMA

    url: str
    source: UrlSource
    database: str
    before: str
    after: str

    @property
    def store(self) -> PostgresStore:
        """Return the database."""
        return PostgresStore(self.url, self.source, self.database)

    def title(self) -> str:
        return f"restore {self.store.label} as it was before the migration"

    def preview(self) -> tuple[str, ...]:
        return (f"pg_restore --clean --if-exists -d {self.store.name} {self.before}",)

    def settled(self, facts: Facts) -> bool:
        return facts.host.stat(self.after) is None

    def blocked(self, facts: Facts) -> str | None:
        if lost := self._written_since(facts.host):
            return f"it was written since; these rows would be lost: {', '.join(lost[:_NAMED])}"
        others = self.store.sessions(facts.host)
        return f"it is in use, stop it first: {', '.join(others[:_NAMED])}" if others else None

    def apply(self, host: Host, keep: Keep) -> None:
        if host.stat(self.after) is None:
            return  # the step ended before it changed anything
        if lost := self._written_since(host):
            raise Failed(
                what=f"{self.store.label} is not restored",
                why=f"it was written since: {', '.join(lost[:_NAMED])}",
                next=f"The backup is {self.before}.",
            )
        host.makedirs(str(keep.state))
        self.store.restore(host, self.before, str(keep.state))

    def _written_since(self, host: Host) -> list[str]:
        if host.stat(self.after) is None:
            return []
        try:
            noted = {name: tuple(each) for name, each in json.loads(host.read(self.after)).items()}
        except (OSError, ValueError) as error:
            return [f"all, because {self.after} cannot be read ({type(error).__name__})"]
        now = self.store.digest(host)
        return [
            f"{max(rows - noted.get(name, (0,))[0], 0) or 'changed rows'} of {name}"
            for name, (rows, sum_) in now.items()
            if (rows, sum_) != noted.get(name)
        ]
