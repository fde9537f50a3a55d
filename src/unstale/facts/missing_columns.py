"""What the models declare and no database of the back end has; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unstale.facts.models import ModelTable
    from unstale.facts.sqlite import DatabaseFile
    from unstale.facts.sqlite_content import Content


def lacking(table: ModelTable, filled: list[tuple[DatabaseFile, Content]]) -> list[tuple[str, str]]:
    """Return ("person.email", its ALTER TABLE) for each column that is missing, the table alone
    when that is.
    """
    homes = [found for _, content in filled if (found := content.table(table.name))]
    if not homes:
        return [(table.name, f"-- create table {table.name}: create_all() does")]
    if any(
        not home.columns for home in homes
    ):  # a view or virtual table, whose columns are not read
        return []
    known = {name.lower() for home in homes for name in home.columns}
    return [
        (
            f"{table.name}.{column.name}",
            f'ALTER TABLE "{table.name}" ADD COLUMN "{column.name}" {column.sql};',
        )
        for column in table.columns
        if column.name.lower() not in known
    ]
