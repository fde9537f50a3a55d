"""What every row of a SQLite file adds up to, and changes of its schema that leave the rows as they are."""

from __future__ import annotations

import hashlib
import sqlite3

from unstale.answers import Columns, Digest
from unstale.errors import Failed
from unstale.sqlite_hands import TABLES, opened, quoted, reading, unread


def digest(path: str, columns: Columns | None = None) -> Digest:
    """Return rows and SHA-256 of each table, from one read transaction.

    With `columns` only of those, in that order, and without the definition: equal before and after
    a column was added. Raises Failed.
    """
    try:
        return _digested(path, columns)
    except sqlite3.Error as error:
        raise unread(path, error) from None


def _digested(path: str, columns: Columns | None) -> Digest:
    with reading(path) as connection:
        connection.execute("BEGIN")
        return _sums(connection, columns)


def _sums(connection: sqlite3.Connection, columns: Columns | None) -> Digest:
    found = {}
    for name, sql in connection.execute(TABLES).fetchall():
        if columns is not None and name not in columns:
            continue
        chosen = "*" if columns is None else ", ".join(map(quoted, columns[name]))
        from_ = f"{quoted(name)} NOT INDEXED"  # an index that covers the columns has another order
        rows, sum_ = 0, hashlib.sha256(b"" if columns is not None else sql.encode())
        for row in connection.execute(f"SELECT {chosen} FROM {from_}"):  # noqa: S608 - quoted
            rows += 1
            sum_.update(repr(row).encode("utf-8", "surrogatepass"))
        found[name] = (rows, sum_.hexdigest()[:32])
    return found


def change(path: str, statements: tuple[str, ...], unchanged: Columns) -> None:
    """Run the statements in one transaction that no writer can come between; a kill leaves it out.

    Foreign keys are off before it begins, because a rebuilt table is dropped
    (https://sqlite.org/lang_altertable.html#otheralter), and checked before it ends: what was
    broken before may stay so. The rows of the columns `unchanged` must be what they were.
    """
    try:
        with opened(path) as connection:
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute("BEGIN IMMEDIATE")
            before, broken = _sums(connection, unchanged), _broken(connection)
            for each in statements:
                connection.execute(each)
            if _sums(connection, unchanged) != before:
                raise _not_kept(path, "rows would no longer be what they were")
            if more := sorted(_broken(connection) - broken):
                raise _not_kept(path, f"{len(more)} rows of {more[0][0]} would refer to none")
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise _not_kept(path, str(error)) from None


def _broken(connection: sqlite3.Connection) -> set[tuple[str, ...]]:
    rows = connection.execute("PRAGMA foreign_key_check").fetchall()
    return {tuple(map(str, row[:3])) for row in rows}


def _not_kept(path: str, why: str) -> Failed:
    return Failed(what=f"{path} was not changed", why=why, next="Nothing is left of it.")
