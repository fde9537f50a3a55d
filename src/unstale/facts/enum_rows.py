"""What the rows hold in the columns that the models declare as an enumeration; read from a private
copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from unstale.errors import Absent
from unstale.fact import Fact, Facts
from unstale.facts.models import Declared, Models
from unstale.facts.sqlite import DatabaseFile, Databases
from unstale.facts.sqlite_content import DatabaseContents, ask

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class EnumColumn:
    """One enumeration: `unknown` are stored values without a member, at most five."""

    path: str
    table: str
    column: str
    entry: str
    members: tuple[str, ...]
    unknown: tuple[str, ...]
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EnumRows(Fact):
    """The enumeration columns that exist in a database in use."""

    costly = "a database copy"

    columns: tuple[EnumColumn, ...]

    @classmethod
    def gather(cls, facts: Facts) -> EnumRows:
        models, databases = facts.get(Models), facts.get(Databases)
        found = [
            column
            for declared in models.declared
            for file in databases.of(declared.backend)
            for column in _columns(facts, declared, file)
        ]
        if not found:
            raise Absent(what="no enumeration", why="no model column is an enumeration", next="")
        return cls(seen_at=databases.seen_at, columns=tuple(found))


def _columns(facts: Facts, declared: Declared, file: DatabaseFile) -> tuple[EnumColumn, ...]:
    wanted = tuple(_wanted(facts, declared, file))
    if not wanted:
        return ()
    answers = ask(
        facts, file, *(_statement(table, column, members) for table, column, members in wanted)
    )
    return tuple(
        EnumColumn(
            path=file.path,
            table=table,
            column=column,
            entry=declared.entry,
            members=members,
            unknown=tuple(str(row[0])[:40] for row in (rows or ())[:_SHOWN]),
            rows=sum(int(row[1]) for row in rows or ()),
        )
        for (table, column, members), rows in zip(wanted, answers, strict=True)
    )


def _wanted(
    facts: Facts, declared: Declared, file: DatabaseFile
) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    content = facts.get(DatabaseContents).of(file.path)
    for table in declared.tables if content else ():
        here = content.table(table.name) if content else None
        names = {name.lower() for name in here.columns} if here else set()
        for column in table.columns:
            if column.enum and column.name.lower() in names:
                yield table.name, column.name, column.enum


def _statement(table: str, column: str, members: tuple[str, ...]) -> str:
    name, known = _quoted(column, '"'), ", ".join(_quoted(each, "'") for each in members)
    return (
        f"SELECT {name}, count(*) FROM {_quoted(table, chr(34))} "  # noqa: S608 - every word is quoted
        f"WHERE {name} IS NOT NULL AND {name} NOT IN ({known}) GROUP BY 1 ORDER BY 2 DESC"
    )


def _quoted(word: str, mark: str) -> str:
    return mark + word.replace(mark, mark * 2) + mark
