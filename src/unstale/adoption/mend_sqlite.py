"""Takes SQLite tables to the models' definition by the twelve steps of https://sqlite.org/lang_altertable.html#otheralter.

Extra columns, indexes and triggers that may stay are made again on the rebuilt table. In the old manner of renaming,
views and foreign keys that name the table go on naming it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from unstale.adoption.compare import Difference
from unstale.adoption.mend import Mend, quoted
from unstale.store import Piece, Schema

Texts = tuple[tuple[str, str, str, str], ...]
"""(type, name, table, SQL), as `SqliteStore.texts` returns them."""

_INDEX = re.compile(r"(INDEX)\s+", re.IGNORECASE)
_NAME = re.compile(r'CREATE TABLE\s+("(?:[^"]|"")+"|`[^`]+`|\[[^\]]+\]|\w+)', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Both:
    """What the models ask for and what is there, in pieces and as it was written."""

    want: Schema
    have: Schema
    wanted: Texts
    found: Texts


def mend(real: tuple[Difference, ...], both: Both) -> tuple[Mend, ...]:
    """Return what mends the real differences, a table each."""
    tables = dict.fromkeys(each.table for each in real)
    return tuple(
        Mend(table, _sql(both.found, "table", table), tuple(_statements(table, real, both)))
        for table in tables
    )


def _statements(table: str, real: tuple[Difference, ...], both: Both) -> Iterator[str]:
    wanted = both.wanted
    mine = [each for each in real if each.table == table]
    if any(each.kind == "table" and each.have is None for each in mine):
        yield str(_sql(wanted, "table", table))
        yield from (sql for kind, _, of, sql in wanted if kind == "index" and _same(of, table))
        return
    dropped = {each.name for each in mine if each.kind == "index" and each.have is not None}
    yield from (f"DROP INDEX IF EXISTS {quoted(name)}" for name in sorted(dropped))
    if all(each.kind == "index" for each in mine):
        missing = {each.name.lower() for each in mine if each.want is not None}
        for kind, name, _, sql in wanted:
            if kind == "index" and name.lower() in missing:
                yield _INDEX.sub(r"\1 IF NOT EXISTS ", sql, count=1)
        return
    yield from _rebuilt(table, both, dropped)


def _rebuilt(table: str, both: Both, dropped: set[str]) -> Iterator[str]:
    made, new = str(_sql(both.wanted, "table", table)), f"unstale_{table}"
    columns = _columns(both.have, table)
    known = {each.name.lower() for each in _columns(both.want, table)}
    stored = [each.name for each in columns if " GENERATED " not in each.definition]
    kept = ", ".join(map(quoted, stored))
    yield "PRAGMA legacy_alter_table = ON"
    yield _NAME.sub(lambda _: f"CREATE TABLE {quoted(new)}", made, count=1)
    for each in columns:
        if each.name.lower() not in known:
            more = f"{quoted(each.name)} {_nullable(each.definition)}"
            yield f"ALTER TABLE {quoted(new)} ADD COLUMN {more}"
    yield f"INSERT INTO {quoted(new)} ({kept}) SELECT {kept} FROM {quoted(table)} NOT INDEXED"  # noqa: S608 - quoted
    yield f"DROP TABLE {quoted(table)}"
    yield f"ALTER TABLE {quoted(new)} RENAME TO {quoted(table)}"
    yield "PRAGMA legacy_alter_table = OFF"
    yield from _beside(table, both, dropped)


def _beside(table: str, both: Both, dropped: set[str]) -> Iterator[str]:
    """Yield the indexes of the models, those that may stay, and the triggers: all went with the old table."""
    mine = [each for each in both.wanted if each[0] == "index" and _same(each[2], table)]
    yield from (sql for _, _, _, sql in mine)
    taken = {name.lower() for _, name, _, _ in mine} | {name.lower() for name in dropped}
    for kind, name, of, sql in both.found:
        if _same(of, table) and (
            kind == "trigger" or (kind == "index" and name.lower() not in taken)
        ):
            yield sql


def _columns(schema: Schema, table: str) -> list[Piece]:
    return [each for each in schema if each.kind == "column" and _same(each.table, table)]


def _nullable(definition: str) -> str:
    """Return an extra column's definition so that rows which do not name it are accepted."""
    return definition if " DEFAULT " in definition else definition.replace(" NOT NULL", "")


def _sql(texts: Texts, kind: str, name: str) -> str | None:
    return next((sql for each, own, _, sql in texts if each == kind and _same(own, name)), None)


def _same(one: str, other: str) -> bool:
    return one.lower() == other.lower()
