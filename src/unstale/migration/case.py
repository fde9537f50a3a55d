"""What the lint judges, and what it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from unstale.migration.record import Record
from unstale.migration.script import Operation, Script
from unstale.store import Piece, Schema


@dataclass(frozen=True, slots=True)
class Remark:
    """One remark. `severity` is stop, risk or note; `line` 0 means the whole file."""

    code: str
    severity: str
    path: str
    line: int
    words: str

    @property
    def place(self) -> str:
        """Return file:line."""
        return f"{self.path}:{self.line}" if self.line else self.path


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What the copy was before and after. Rows by table; `untouched` are the tables with the very same rows.

    `live` is the live schema before: it is compared with the copy's by what changed there.
    """

    record: Record
    live: Schema
    before: Schema
    after: Schema
    rows_before: dict[str, int]
    rows_after: dict[str, int]
    untouched: tuple[str, ...]
    revisions: tuple[str, ...]

    @property
    def locked(self) -> float:
        """Return the predicted lock time in seconds."""
        return self.record.locked

    @property
    def changes(self) -> tuple[tuple[str, Piece], ...]:
        """Return what the schema loses ("-") and gains ("+")."""
        gone = (("-", each) for each in self.before if each not in set(self.after))
        new = (("+", each) for each in self.after if each not in set(self.before))
        return (*gone, *new)

    @property
    def expected(self) -> Schema:
        """Return what the live schema is to be afterwards."""
        gone = {each for sign, each in self.changes if sign == "-"}
        new = [each for sign, each in self.changes if sign == "+"]
        return tuple(sorted([*(each for each in self.live if each not in gone), *new]))


@dataclass(frozen=True, slots=True)
class Case:
    """The pending scripts in order, and what is known around them.

    `own` are the top-level names of the project's own modules, `edited` the paths of applied scripts that are no
    longer what was applied. `budget` is how long in seconds the app waits for a lock; None: nobody waits.
    """

    kind: str
    scripts: tuple[Script, ...]
    heads: tuple[str, ...]
    config: str
    env_path: str
    env: str
    own: frozenset[str] = frozenset()
    edited: tuple[str, ...] = ()
    budget: float | None = None
    rehearsed: Rehearsed | None = None

    @property
    def made(self) -> frozenset[str]:
        """Return the tables that the scripts create themselves: nothing is in them yet."""
        return frozenset(
            each.table or "" for _, each in self.operations("create_table") if each.table
        )

    def operations(self, *names: str) -> Iterator[tuple[Script, Operation]]:
        """Yield the operations of these names."""
        for script in self.scripts:
            yield from ((script, each) for each in script.operations if each.name in names)

    def old(self, table: str | None) -> bool:
        """Return whether the table holds rows, or may: it is not made here and not seen to be empty."""
        known = self.rehearsed and table is not None and self.rehearsed.rows_before.get(table)
        return table not in self.made and known != 0
