"""Takes PostgreSQL tables to the models' definition; every statement may be run again.

https://www.postgresql.org/docs/current/sql-altertable.html. The definitions come from the server's own catalogs, in
its own words, so they are SQL already.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from unstale.adoption.compare import Difference
from unstale.adoption.mend import Mend, quoted
from unstale.store import Piece, Schema

_CONSTRAINTS = ("primary key", "unique", "check", "foreign key", "exclude")
_COLUMN = re.compile(
    r"(?P<type>.*?)(?P<required> NOT NULL)?(?: DEFAULT (?P<default>.*?))?"
    r"(?P<rest> (?:COLLATE|IDENTITY) .*)?$"
)
_SERIAL = re.compile(r"nextval\('(.+)'::regclass\)")


def mend(real: tuple[Difference, ...], want: Schema, have: Schema) -> tuple[Mend, ...]:
    """Return what mends the real differences, a table each; types first, references last."""
    groups = dict.fromkeys(each.table for each in real)
    mended = [Mend(table, "", tuple(_table(table, real, want, have))) for table in groups]
    late = [_late(each) for each in mended]
    return tuple([each for each, _ in late] + [each for _, each in late if each.statements])


def _late(each: Mend) -> tuple[Mend, Mend]:
    """Part the foreign keys from the rest: what they refer to may be made after their own table."""
    later = tuple(one for one in each.statements if " FOREIGN KEY " in one)
    first = tuple(one for one in each.statements if one not in later)
    return Mend(each.table, "", first), Mend(each.table, "", later)


def _table(table: str, real: tuple[Difference, ...], want: Schema, have: Schema) -> Iterator[str]:
    mine = [each for each in real if each.table == table]
    if any(each.kind == "table" and each.have is None for each in mine):
        yield from _created(table, want)
        return
    for each in sorted(mine, key=lambda each: each.want is not None):  # a name is freed first
        yield from _difference(each, want, have)


def _difference(each: Difference, want: Schema, have: Schema) -> Iterator[str]:
    table = _named(each.table)
    if each.kind == "column":
        yield from _column(each, table)
    elif each.kind == "index":
        yield from _index(each)
    elif each.kind in _CONSTRAINTS:
        side = want if each.want is not None else have
        yield from _constraint(each, table, _names(side, each))
    elif each.kind == "type":
        yield from _type(each)
    elif each.kind == "sequence" and each.want is not None:
        yield f"CREATE SEQUENCE IF NOT EXISTS {table} AS {each.want.partition(' ')[0]}"


def _column(each: Difference, table: str) -> Iterator[str]:
    name = quoted(each.name)
    if each.have is None:
        yield from _sequence(str(each.want))
        yield f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {name} {each.want}"
        return
    if each.want is None:  # it refuses rows that do not name it, and stays
        yield f"ALTER TABLE {table} ALTER COLUMN {name} DROP NOT NULL"
        return
    wanted, found = _COLUMN.fullmatch(each.want), _COLUMN.fullmatch(each.have)
    if wanted is None or found is None:
        return
    change = f"ALTER TABLE {table} ALTER COLUMN {name}"
    if (wanted["type"], wanted["rest"]) != (found["type"], found["rest"]):
        collated = wanted["rest"] or ""
        yield f"{change} TYPE {wanted['type']}{collated if 'COLLATE' in collated else ''}"
    if wanted["default"] != found["default"]:
        yield from _sequence(each.want)
        default = wanted["default"]
        yield f"{change} " + ("DROP DEFAULT" if default is None else f"SET DEFAULT {default}")
    if wanted["required"] != found["required"]:
        yield f"{change} {'SET' if wanted['required'] else 'DROP'} NOT NULL"


def _index(each: Difference) -> Iterator[str]:
    if each.have is not None:
        schema = each.table.rpartition(".")[0] or "public"
        yield f"DROP INDEX IF EXISTS {quoted(schema)}.{quoted(each.name)}"
    if each.want is not None:
        yield re.sub(r"INDEX ", "INDEX IF NOT EXISTS ", each.want, count=1)


def _constraint(each: Difference, table: str, names: list[str]) -> Iterator[str]:
    for name in names:
        yield f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {quoted(name)}"
        if each.want is not None:
            yield f"ALTER TABLE {table} ADD CONSTRAINT {quoted(name)} {each.want}"


def _names(side: Schema, each: Difference) -> list[str]:
    said = each.want if each.want is not None else each.have
    return [
        piece.name
        for piece in side
        if (piece.table, piece.kind, piece.definition) == (each.table, each.kind, said)
    ]


def _type(each: Difference) -> Iterator[str]:
    labels = re.findall(r"'(?:[^']|'')*'", each.want or "")
    if each.have is None:
        made = f"CREATE TYPE {quoted(each.name)} AS ENUM ({', '.join(labels)})"
        yield f"DO $$ BEGIN {made}; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    else:
        yield from (
            f"ALTER TYPE {quoted(each.name)} ADD VALUE IF NOT EXISTS {label}" for label in labels
        )


def _created(table: str, want: Schema) -> Iterator[str]:
    """Yield the table with its sequences, constraints and indexes."""
    mine = [each for each in want if each.table == table]
    columns = [each for each in mine if each.kind == "column"]
    for each in columns:
        yield from _sequence(each.definition)
    inside = ", ".join(f"{quoted(each.name)} {each.definition}" for each in columns)
    yield f"CREATE TABLE IF NOT EXISTS {_named(table)} ({inside})"
    for each in columns:
        yield from _owned(each)
    for each in mine:
        if each.kind in _CONSTRAINTS:
            one = Difference(table, each.kind, "", each.definition, None)
            yield from _constraint(one, _named(table), [each.name])
        elif each.kind == "index":
            yield from _index(Difference(table, "index", each.name, each.definition, None))


def _sequence(definition: str) -> Iterator[str]:
    found = _SERIAL.search(definition)
    if found is not None:
        yield f"CREATE SEQUENCE IF NOT EXISTS {found[1]} AS {definition.partition(' ')[0]}"


def _owned(column: Piece) -> Iterator[str]:
    """Yield what makes the sequence go with its column, as serial does."""
    found = _SERIAL.search(column.definition)
    if found is not None:
        yield f"ALTER SEQUENCE {found[1]} OWNED BY {_named(column.table)}.{quoted(column.name)}"


def _named(table: str) -> str:
    schema, _, name = table.rpartition(".")
    return f"{quoted(schema or 'public')}.{quoted(name)}"
