"""The tables that the project's models declare, from a guarded import by the project's own
interpreter.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unstale.errors import Absent, Unavailable
from unstale.fact import Fact, Facts
from unstale.facts.guarded_import import imported
from unstale.facts.runtime import Runtime, runtime
from unstale.facts.sqlite import Databases
from unstale.layer import Layer

if TYPE_CHECKING:
    from unstale.project import Backend

_SQL = {
    **dict.fromkeys(("Integer", "INTEGER", "BigInteger", "SmallInteger"), "INTEGER"),
    **dict.fromkeys(("Float", "Double", "Numeric"), "NUMERIC"),
    "Boolean": "BOOLEAN",
    "DateTime": "DATETIME",
    "Date": "DATE",
    "LargeBinary": "BLOB",
    "JSON": "JSON",
}


@dataclass(frozen=True, slots=True)
class ModelColumn:
    """A declared column; `enum` are the values as stored, None for another type."""

    name: str
    type: str
    enum: tuple[str, ...] | None = None

    @property
    def sql(self) -> str:
        """Return SQLite's type for a nullable column (https://sqlite.org/datatype3.html)."""
        return _SQL.get(self.type, "VARCHAR")


@dataclass(frozen=True, slots=True)
class ModelTable:
    """A declared table."""

    name: str
    columns: tuple[ModelColumn, ...]


@dataclass(frozen=True, slots=True)
class Declared:
    """What one back end declares. `entry` is the imported module, `failed` why an import ended
    early, or empty.
    """

    backend: Path
    entry: str
    tables: tuple[ModelTable, ...]
    failed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Models(Fact):
    """The declared tables of each back end that has a SQLite file."""

    layer = Layer.SCHEMA
    costly = "a guarded import"
    waits = True

    declared: tuple[Declared, ...]

    @classmethod
    def gather(cls, facts: Facts) -> Models:
        databases = facts.get(Databases)  # without a file to compare with, nothing is imported
        served = {place.backend for file in databases.files for place in file.places}
        found = []
        for backend in facts.project.backends:
            running = (
                runtime(facts, backend.path) if backend.path in served and backend.app else None
            )
            if running is not None and backend.kind != "django":
                found.append(_declared(facts, backend, running))
        found = [each for each in found if each.tables]
        if not found:
            raise Absent(what="no models", why="no SQLAlchemy model was found", next="unstale init")
        return cls(seen_at=facts.host.now(), declared=tuple(found))

    def summary(self) -> str:
        count = sum(len(each.tables) for each in self.declared)
        return f"{count} table{'s' * (count != 1)} declared"

    def of(self, backend: Path | None) -> Declared | None:
        """Return what the back end declares."""
        return next((each for each in self.declared if each.backend == backend), None)


def _declared(facts: Facts, backend: Backend, running: Runtime) -> Declared:
    entry = str(backend.app).partition(":")[0]
    answer = imported(facts, backend, running, app=str(backend.app), want="models")
    # a schema is an attached database; and SQLAlchemy's own catalogues (pg_catalog, sys) have one
    tables = tuple(_table(each) for each in answer["tables"] if each.get("schema") is None)
    failed = "; ".join(str(each["error"]) for each in answer["failed"])
    if failed and not tables:
        raise Unavailable(
            what=f"the models of {entry} were not read",
            why=failed,
            next=f"Import it yourself: cd {running.cwd} && {running.python} -c 'import {entry}'",
        )
    return Declared(backend.path, entry, tables, failed)


def _table(each: dict[str, Any]) -> ModelTable:
    columns = tuple(
        ModelColumn(
            str(one["name"]), str(one["type"]), tuple(one["enum"]) if one.get("enum") else None
        )
        for one in each["columns"]
    )
    return ModelTable(str(each["name"]), columns)
