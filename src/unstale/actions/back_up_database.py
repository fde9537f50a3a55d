"""Backs a database up: online, verified, with a note beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from unstale.action import Action, Keep
from unstale.layer import Layer, Risk
from unstale.stores.find import AnyStore

if TYPE_CHECKING:
    from unstale.fact import Facts
    from unstale.host import Host


@dataclass(frozen=True, slots=True)
class BackUpDatabase(Action):
    """Write a verified backup to a new file; there is nothing to take back."""

    risk: ClassVar[Risk] = Risk.DISRUPTIVE
    layer: ClassVar[Layer] = Layer.DATABASE

    store: AnyStore
    target: str

    def title(self) -> str:
        return f"back up {self.store.label} to {self.target}"

    def preview(self) -> tuple[str, ...]:
        if self.store.kind == "sqlite":
            return (f"sqlite3 {self.store.label} \".backup '{self.target}'\"",)
        return (f"pg_dump -Fc -f {self.target} {self.store.label.rpartition('/')[2]}",)

    def settled(self, facts: Facts) -> bool:
        return False

    def apply(self, host: Host, keep: Keep) -> None:
        self.store.backup(host, self.target)
