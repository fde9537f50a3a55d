"""What is in each database: tables, columns, applied revisions; read from a private copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from unstale.errors import Unavailable
from unstale.fact import Fact, Facts
from unstale.facts.sqlite import DatabaseFile, Databases

_COLUMNS = """
SELECT m.name, p.name FROM sqlite_master m LEFT JOIN pragma_table_xinfo(
    CASE WHEN m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%' THEN m.name END) p
WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
"""
_REVISIONS = "SELECT version_num FROM alembic_version"
_OWN_TABLES = frozenset({"alembic_version"})


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view and its columns as the database spells them, generated ones too.

    A view or virtual table shows none: to ask for them runs its definition, which may need what only the app has.
    """

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Content:
    """What one file holds. `revisions` are alembic's rows, None without its table; `error` says
    why it was not read.
    """

    path: str
    tables: tuple[Table, ...] = ()
    revisions: tuple[str, ...] | None = None
    error: str = ""

    @property
    def filled(self) -> bool:
        """Return whether it defines any table beside alembic's own."""
        return any(each.name not in _OWN_TABLES for each in self.tables)

    def table(self, name: str) -> Table | None:
        """Return the table; SQLite's names ignore case."""
        return next((each for each in self.tables if each.name.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseContents(Fact):
    """The content of every file that is there and not empty."""

    costly = "a database copy"
    waits = True

    contents: tuple[Content, ...]

    @classmethod
    def gather(cls, facts: Facts) -> DatabaseContents:
        databases = facts.get(Databases)
        return cls(
            seen_at=databases.seen_at,
            contents=tuple(
                _content(facts, each) for each in databases.files if each.size is not None
            ),
        )

    def of(self, path: str) -> Content | None:
        """Return the content of the file at this path."""
        return next((each for each in self.contents if each.path == path), None)


def _content(facts: Facts, file: DatabaseFile) -> Content:
    if not file.size:
        return Content(file.path)
    try:
        columns, revisions = ask(facts, file, _COLUMNS, _REVISIONS)
    except (Unavailable, OSError) as error:
        why = error.why if isinstance(error, Unavailable) else error.strerror or str(error)
        return Content(file.path, error=why)
    tables: dict[str, list[str]] = {}
    for table, column in columns or ():
        tables.setdefault(table, []).extend([column] if column else [])
    return Content(
        path=file.path,
        tables=tuple(Table(name, tuple(names)) for name, names in sorted(tables.items())),
        revisions=None if revisions is None else tuple(sorted(str(row[0]) for row in revisions)),
    )


def ask(
    facts: Facts, file: DatabaseFile, *statements: str
) -> tuple[tuple[tuple[Any, ...], ...] | None, ...]:
    """Query a copy of the file. Raises Unavailable."""
    return facts.host.query_copy(
        file.path, statements, limit=facts.options.copy_limit, idle=not file.openers
    )
