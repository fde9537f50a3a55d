"""The schema of a SQLite database in pieces; https://sqlite.org/pragma.html#toc."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from unstale.store import Piece, Schema
from unstale.stores.sqlite_sql import checks, collations, generated, normal, options

_TABLE = "m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND m.sql NOT LIKE 'CREATE VIRTUAL%'"
MASTER = """\
SELECT type, name, tbl_name, sql FROM sqlite_master
WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"""
_COLUMNS = f"""\
SELECT m.name, p.name, p.type, p."notnull", p.dflt_value, p.pk, p.hidden
FROM sqlite_master m JOIN pragma_table_xinfo(m.name) p WHERE {_TABLE}"""
_UNIQUES = f"""\
SELECT m.name, l.name, x.name, x.coll FROM sqlite_master m JOIN pragma_index_list(m.name) l
JOIN pragma_index_xinfo(l.name) x WHERE x.key AND l.origin = 'u' AND {_TABLE} ORDER BY m.name, l.name, x.seqno"""
_KEYS = f"""\
SELECT m.name, f.id, f."table", f."from", f."to", f.on_update, f.on_delete
FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE {_TABLE} ORDER BY m.name, f.id, f.seq"""
STATEMENTS = (MASTER, _COLUMNS, _UNIQUES, _KEYS)
"""What to ask; `pieces` takes the rows in this order."""

Rows = tuple[tuple[Any, ...], ...]


def pieces(answers: tuple[Rows | None, ...]) -> Schema:
    """Return the schema of the rows that `STATEMENTS` gave. Of a table without a name the columns tell."""
    master, columns, uniques, keys = (each or () for each in answers)
    tables = {row[1]: row[3] for row in master if row[0] == "table"}
    return tuple(
        sorted(
            [
                *_objects(master),
                *(piece for name, sql in tables.items() for piece in _table(name, sql)),
                *_columns(columns, tables),
                *_primary_keys(columns),
                *_uniques(uniques),
                *_foreign_keys(keys),
            ]
        )
    )


def _objects(master: Rows) -> Iterator[Piece]:
    for kind, name, table, sql in master:
        if kind != "table":
            yield Piece(table, kind, name, normal(sql))


def _table(name: str, sql: str) -> Iterator[Piece]:
    virtual = normal(sql)
    if virtual.startswith("create virtual"):
        yield Piece(name, "table", name, virtual)
        return
    yield Piece(name, "table", name, options(sql))
    for check, expression in checks(sql):
        yield Piece(name, "check", check, expression)


def _columns(columns: Rows, tables: dict[str, str]) -> Iterator[Piece]:
    collated = {name: collations(sql) for name, sql in tables.items()}
    made = {name: generated(sql) for name, sql in tables.items()}
    for table, name, kind, required, default, _, hidden in columns:
        spelt = normal(f'"{name}"')
        words = [" ".join(kind.upper().split())]
        words += ["NOT NULL"] if required else []
        words += [f"DEFAULT {normal(default)}"] if default is not None else []
        words += [f"COLLATE {collated[table][spelt]}"] if spelt in collated[table] else []
        words += [f"GENERATED {hidden} {made[table].get(spelt, '')}"] if hidden else []
        yield Piece(table, "column", name, " ".join(words))


def _primary_keys(columns: Rows) -> Iterator[Piece]:
    keys: dict[str, list[tuple[int, str]]] = {}
    for table, name, _, _, _, key, _ in columns:
        if key:
            keys.setdefault(table, []).append((key, name))
    for table, names in keys.items():
        yield Piece(table, "primary key", "", ", ".join(name for _, name in sorted(names)))


def _uniques(rows: Rows) -> Iterator[Piece]:
    found: dict[tuple[str, str], list[str]] = {}
    for table, index, column, collation in rows:
        more = "" if collation == "BINARY" else f" COLLATE {collation}"
        found.setdefault((table, index), []).append(f"{column}{more}")
    for (table, _), names in found.items():
        yield Piece(table, "unique", "", ", ".join(names))


def _foreign_keys(rows: Rows) -> Iterator[Piece]:
    found: dict[tuple[str, int], list[tuple[Any, ...]]] = {}
    for row in rows:
        found.setdefault((row[0], row[1]), []).append(row)
    for (table, _), group in found.items():
        _, _, target, _, _, updating, deleting = group[0]
        ours = ", ".join(row[3] for row in group)
        theirs = ", ".join(str(row[4] or "") for row in group)
        rules = "".join(
            f" {word} {rule}"
            for word, rule in (("ON UPDATE", updating), ("ON DELETE", deleting))
            if rule != "NO ACTION"
        )
        yield Piece(table, "foreign key", "", f"({ours}) REFERENCES {target} ({theirs}){rules}")
