"""The lint's rules on what the scripts do to data: each a pure function of the case."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from unstale.migration.case import Case, Remark
from unstale.migration.script import UNKNOWN, Operation, Script, Text

_DROP = re.compile(
    r"\s*(?:DROP\s+TABLE|ALTER\s+TABLE\s+\S+\s+DROP\s+(?:COLUMN\b|(?!CONSTRAINT)))", re.IGNORECASE
)
_RENAME = re.compile(r"\s*ALTER\s+TABLE\s+\S+\s+RENAME\b", re.IGNORECASE)
_ALL_ROWS = re.compile(
    r"\s*(?:UPDATE|DELETE\s+FROM)\s+[\"`\[]?(\w+)[\"`\]]?(?:\s+SET\s+(.*))?",
    re.IGNORECASE | re.DOTALL,
)
_SET = re.compile(r"(?:^|,)\s*[\"`\[]?(\w+)[\"`\]]?\s*=")
_BACKFILL = re.compile(r"\s*(?:UPDATE|INSERT\s+INTO\s+.*\bSELECT)\b", re.IGNORECASE | re.DOTALL)
_CONSTRAINTS = ("create_unique_constraint", "create_check_constraint", "create_foreign_key")


def _remark(code: str, severity: str, script: Script, at: Operation | Text, words: str) -> Remark:
    return Remark(code, severity, script.path, at.line, words)


def drops(case: Case) -> Iterator[Remark]:
    """D1: what is dropped comes back from the backup only, and code that runs still asks for it."""
    for script, each in case.operations("drop_table", "drop_column"):
        if each.table not in case.made:
            what = (
                each.table
                if each.name == "drop_table"
                else f"{each.table}.{''.join(each.words[:1])}"
            )
            words = f"drops {what}: its content comes back only from the backup; running code may still ask for it"
            yield _remark("D1", "risk", script, each, words)
    for script in case.scripts:
        for text in script.texts:
            if _DROP.match(text.sql):
                yield _remark(
                    "D1",
                    "risk",
                    script,
                    text,
                    "drops by SQL: what is dropped comes back only from the backup",
                )


def renames(case: Case) -> Iterator[Remark]:
    """D2: a rename is a drop to the code that runs."""
    words = "renames {}: code that runs still knows the former name"
    for script, each in case.operations("rename_table"):
        yield _remark("D2", "risk", script, each, words.format(f"table {each.table}"))
    for script, each in case.operations("alter_column"):
        if each.keyword("new_column_name") is not None and each.table not in case.made:
            yield _remark(
                "D2", "risk", script, each, words.format(f"{each.table}.{''.join(each.words[:1])}")
            )
    for script in case.scripts:
        yield from (
            _remark("D2", "risk", script, text, words.format("by SQL"))
            for text in script.texts
            if _RENAME.match(text.sql)
        )


def demands(case: Case) -> Iterator[Remark]:
    """D3: a new demand on rows that are there; the rehearsal judges today's, running code writes tomorrow's."""
    met = case.rehearsed is not None and case.rehearsed.record.done
    words = (
        "today's rows meet it (rehearsed); code that still writes the former shape is refused"
        if met
        else "rows may break it"
    )
    for script, each in case.operations(*_CONSTRAINTS, "create_index", "alter_column"):
        new = {
            "alter_column": each.given("nullable") is False and "NOT NULL",
            "create_index": each.given("unique") is True and "a unique index",
        }.get(each.name, each.name.removeprefix("create_").replace("_", " "))
        if new and case.old(each.table) and not _met_before(case, each):
            yield _remark(
                "D3", "note" if met else "risk", script, each, f"{new} on {each.table}: {words}"
            )


def _met_before(case: Case, each: Operation) -> bool:
    """Return whether the column was NOT NULL already: batch operations repeat what stays."""
    columns = (
        (piece for piece in case.rehearsed.before if piece.kind == "column")
        if case.rehearsed
        else ()
    )
    return each.name == "alter_column" and any(
        (piece.table, piece.name) == (each.table, "".join(each.words[:1]))
        and "NOT NULL" in piece.definition.upper()
        for piece in columns
    )


def required(case: Case) -> Iterator[Remark]:
    """D4: NOT NULL without a server default cannot be added to rows; a passed rehearsal shows there are none."""
    if case.rehearsed is not None and case.rehearsed.record.done:
        return
    for script, each in case.operations("add_column"):
        column = _column(each)
        if (
            column is not None
            and column.given("nullable") is False
            and column.keyword("server_default") is None
        ):
            name = f"{each.table}.{''.join(column.words[:1])}"
            words = f"adds NOT NULL {name} without server_default: the rows have no value for it"
            if case.old(each.table):
                yield _remark("D4", "risk", script, each, words)


def all_rows(case: Case) -> Iterator[Remark]:
    """D5: UPDATE or DELETE without WHERE. Filling a column that the same migration adds is meant so."""
    added = {
        (each.table, "".join(column.words[:1]))
        for _, each in case.operations("add_column")
        if (column := _column(each))
    }
    for script in case.scripts:
        for text in script.texts:
            found = _ALL_ROWS.match(text.sql)
            if (
                found is None
                or re.search(r"\bWHERE\b", text.sql, re.IGNORECASE)
                or not case.old(found[1])
            ):
                continue
            columns = set(_SET.findall(found[2] or ""))
            if not columns or not columns <= {
                name for table, name in added if found[1] in (table, UNKNOWN)
            }:
                words = f"{text.sql.split()[0].upper()} of {found[1]} without WHERE: every row is changed"
                yield _remark("D5", "risk", script, text, words)


def backfills(case: Case) -> Iterator[Remark]:
    """D6: on PostgreSQL rows that are filled after DDL are filled under its lock; SQLite has one lock for all."""
    for script in case.scripts if case.kind == "postgresql" else ():
        changed = {
            each.table
            for each in script.operations
            if each.name in ("add_column", "alter_column") and large(case, each.table)
        }
        for text in script.texts:
            if (
                changed
                and _BACKFILL.match(text.sql)
                and any(str(table) in text.sql for table in changed)
            ):
                yield _remark(
                    "D6",
                    "risk",
                    script,
                    text,
                    "fills rows in the transaction that holds the DDL's lock: use a revision of its own",
                )


def large(case: Case, table: str | None) -> bool:
    """Return whether a table is known to be so large that a lock on it is felt."""
    return case.rehearsed is not None and case.rehearsed.rows_before.get(table or "", 0) >= LARGE


LARGE = 10_000  # rows; PostgreSQL scans or indexes fewer in milliseconds


def _column(each: Operation) -> Operation | None:
    """Return the Column(…) that an add_column is given, as if it were an operation."""
    calls = [value for value in each.call.args if isinstance(value, ast.Call)]
    return Operation("column", None, each.line, calls[0]) if calls else None


SCRIPTS = (drops, renames, demands, required, all_rows, backfills)
