"""Where a database differs from what its models declare, both ways, and which differences are harmless; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from unstale.adoption.harmless import Sides, reason
from unstale.store import Piece, Schema
from unstale.stores.postgres_sql import normal

# Of these the definition is all: the names of constraints are given by whoever made the database.
_NAMELESS = frozenset({"primary key", "unique", "check", "foreign key", "exclude"})
_ALEMBICS = "alembic_version"
_CASE = "SQLite's names ignore case; alembic's autogenerate does not, and will offer to drop one and add the other"
_Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: `want` is the models' definition, `have` the database's, None where it has none.

    `harmless` says why it may stay; it is empty for real drift.
    """

    table: str
    kind: str
    name: str
    want: str | None
    have: str | None
    harmless: str = ""

    def words(self) -> str:
        """Return "column note.title: VARCHAR NOT NULL in the models, VARCHAR in the database"."""
        parts = (self.table, "" if self.name == self.table else self.name)
        whose = f"{self.kind} {'.'.join(part for part in parts if part)}"
        if self.have is None:
            return f"{whose} is missing" + (f": {self.want}" if self.want else "")
        if self.want is None:
            return f"{whose} is in no model" + (f": {self.have}" if self.have else "")
        return f"{whose}: {self.want or '-'} in the models, {self.have or '-'} in the database"


def differences(want: Schema, have: Schema, kind: str) -> tuple[Difference, ...]:
    """Return every difference between the models' schema and the database's; `kind` is the store's."""
    seen = []
    for each in _pairs(_keyed(want, kind), _keyed(have, kind)):
        around = (_of(want, each.table), _of(have, each.table))
        sides = Sides(each.kind, each.name, each.want, each.have, *around, kind)
        seen.append(replace(each, harmless=each.harmless or reason(sides)))
    return tuple(
        sorted(seen, key=lambda each: (bool(each.harmless), each.table, each.kind, each.name))
    )


def columns_of(schema: Schema) -> dict[str, tuple[str, ...]]:
    """Return the columns of each table, generated ones left out: they hold nothing of their own."""
    found: dict[str, list[str]] = {}
    for each in schema:
        if (
            each.kind == "column"
            and each.table != _ALEMBICS
            and " GENERATED " not in each.definition
        ):
            found.setdefault(each.table, []).append(each.name)
    return {table: tuple(names) for table, names in found.items()}


def _keyed(schema: Schema, kind: str) -> dict[_Key, tuple[Piece, str]]:
    """Return piece and spelling-free definition by what makes it the same thing in both; SQLite's names ignore case."""
    found = {}
    for each in schema:
        if each.table != _ALEMBICS:
            said = each.definition if kind == "sqlite" else normal(each).definition
            key = (each.table, each.kind, said if each.kind in _NAMELESS else each.name)
            found[_lower(key) if kind == "sqlite" else key] = (each, said)
    return found


def _lower(key: _Key) -> _Key:
    return key[0].lower(), key[1], key[2].lower()


def _pairs(
    wanted: dict[_Key, tuple[Piece, str]], found: dict[_Key, tuple[Piece, str]]
) -> Iterator[Difference]:
    """Yield what differs; of a table that is on one side alone only the table."""
    tables = [{key[0] for key in side if key[1] == "table"} for side in (wanted, found)]
    alone = tables[0] ^ tables[1]
    for key in sorted({*wanted, *found}):
        if key[0] in alone and key[1] != "table":
            continue
        want, have = wanted.get(key), found.get(key)
        if want is None or have is None or want[1] != have[1]:
            yield _difference(want and want[0], have and have[0])
        elif want[0].kind in ("table", "column") and want[0].name != have[0].name:
            yield Difference(*want[0][:3], want[0].name, have[0].name, _CASE)


def _difference(want: Piece | None, have: Piece | None) -> Difference:
    piece = want or have
    assert piece is not None  # noqa: S101 - one of both is there
    name = "" if piece.kind in _NAMELESS else piece.name
    said = want and want.definition, have and have.definition
    return Difference(piece.table, piece.kind, name, *said)


def _of(schema: Schema, table: str) -> Schema:
    return tuple(piece for piece in schema if piece.table.lower() == table.lower())
