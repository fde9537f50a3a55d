"""What a kept SQLite file is worth: whether it is whole, and which rows of the live one it lacks."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

_WAIT = 10.0  # seconds for other writers to finish
_KEPT, _LIVE = "mode=ro&immutable=1", "mode=rw"


def flaw(path: str) -> str | None:
    """Return why a kept file cannot be restored from, or None. It is only read: nobody else writes to it."""
    try:
        if not Path(path).stat().st_size:
            return "it is empty"
        with _opened(path, _KEPT) as kept:
            (verdict,) = kept.execute("PRAGMA quick_check(1)").fetchone()
    except OSError as error:
        return error.strerror or str(error)
    except sqlite3.Error as error:
        return str(error)
    return None if verdict == "ok" else str(verdict)


def differing(path: str, kept: str, tables: tuple[str, ...]) -> dict[str, int]:
    """Return how many rows of each table the live file and the kept one do not share.

    Compared are the columns that both have, whole rows, equal ones counted; of a table that only the live one has,
    each row. A changed row counts once. Memory: some 100 bytes a row of the largest table.
    """
    with _opened(path, _LIVE) as live, _opened(kept, _KEPT) as former:
        live.execute("BEGIN")
        return {table: _differing(live, former, table) for table in tables}


def _differing(live: sqlite3.Connection, former: sqlite3.Connection, table: str) -> int:
    common = [each for each in _columns(live, table) if each in _columns(former, table)]
    if not common:
        return int(live.execute(f"SELECT count(*) FROM {_quoted(table)}").fetchone()[0])  # noqa: S608 - quoted
    statement = f"SELECT {', '.join(map(_quoted, common))} FROM {_quoted(table)}"  # noqa: S608 - quoted
    here, there = (Counter(_marks(each, statement)) for each in (live, former))
    return max((here - there).total(), (there - here).total())


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({_quoted(table)})")]


def _marks(connection: sqlite3.Connection, statement: str) -> Iterator[bytes]:
    for row in connection.execute(statement):
        yield hashlib.blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=16).digest()


@contextmanager
def _opened(path: str, mode: str) -> Iterator[sqlite3.Connection]:
    uri = f"{Path(path).absolute().as_uri()}?{mode}"
    with closing(sqlite3.connect(uri, uri=True, timeout=_WAIT, isolation_level=None)) as connection:
        connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        yield connection


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
