"""SCH007."""

from __future__ import annotations

from collections.abc import Iterator

from unstale.action import Edit
from unstale.check import check
from unstale.facts.enum_rows import EnumColumn, EnumRows
from unstale.finding import Finding, Fresh
from unstale.layer import Layer


@check(
    "SCH007", "rows hold enum values that the code does not know", layer=Layer.SCHEMA, since="0.1"
)
def rows_hold_unknown_enum_values(enums: EnumRows) -> Iterator[Finding | Fresh]:
    """Rows store a value for which the Python enumeration has no member.

    What it proves
    A value of an Enum column, read from the database in use, is not among the values that
    SQLAlchemy stores.

    Why it matters
    Whoever reads such a row gets a LookupError: "… is not among the defined enum values".

    How it gets this way
    A member renamed or removed; a hand-written INSERT with the value, where SQLAlchemy stores the
    name.

    How it is seen
    The column's distinct values on a private copy, against the members after a guarded import.

    What is not flagged
    NULL, members that no row uses, columns that are not declared as an enumeration.

    Fix, risk and undo
    A person maps the rows by the printed UPDATE, or adds the member back.
    """
    for each in enums.columns:
        subject = f"enum {each.table}.{each.column}"
        query = f'sqlite3 {each.path} \'SELECT DISTINCT "{each.column}" FROM "{each.table}"\''  # noqa: S608 - words
        want = enums.shows(f"only {', '.join(each.members)}", f"python -c 'import {each.entry}'")
        if not each.unknown:
            yield Fresh(subject, want, enums.shows(want.value, query))
            continue
        values = ", ".join(each.unknown)
        yield Finding(
            subject,
            f"{each.rows} row{'s' * (each.rows != 1)} cannot be read: {values} is no member",
            want=want,
            have=enums.shows(f"also {values}", query),
            fix=Edit("map the rows to a member, or add the member", tuple(_lines(each))),
            paths=(each.path,),
        )


def _lines(each: EnumColumn) -> Iterator[str]:
    for value in each.unknown:
        near = next(
            (name for name in each.members if name.lower() == value.lower()), each.members[0]
        )
        old, new = value.replace("'", "''"), near.replace("'", "''")
        column, others = f'"{each.column}"', ", ".join(each.members)
        mapped = f"SET {column} = '{new}' WHERE {column} = '{old}'"
        yield f'UPDATE "{each.table}" {mapped};   -- or any of {others}'
