"""The lint's rules that need the rehearsal: locks, and what a rebuild lost."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from unstale.migration.case import Case, Rehearsed, Remark
from unstale.migration.script_rules import large
from unstale.store import Piece

MARGIN = 1.5  # predicted lock time times this must fit into what the app waits
_REBUILT = re.compile(r'ALTER TABLE "?_alembic_tmp_\S+ RENAME TO "?([^"\s]+)"?', re.IGNORECASE)
_LOSABLE = ("check", "trigger", "index")
_UNVALIDATED = ("create_foreign_key", "create_check_constraint")


def long_lock(case: Case) -> Iterator[Remark]:
    """S2: the predicted lock does not fit into the app's patience."""
    seen = case.rehearsed
    if seen is None or case.budget is None or seen.locked * MARGIN <= case.budget:
        return
    longest = seen.record.longest
    path, line = (longest.place if longest else None) or (case.scripts[-1].path, 0)
    words = (
        f"holds locks for {seen.locked:.1f} s; with a margin of {MARGIN:g} that is over the {case.budget:g} s that "
        "the app waits, and writes would be lost. Stop the app for the migration, split it, or let the app wait longer"
    )
    yield Remark("S2", "stop", path, line, words)


def losses(case: Case) -> Iterator[Remark]:
    """S3: a batch rebuild of SQLite copies what SQLAlchemy reflects, and no more."""
    seen = case.rehearsed
    if seen is None:
        return
    named = {
        word
        for script in case.scripts
        for each in script.operations
        for word in (*each.words, each.given("constraint_name"))
    }
    for table, (path, line) in _rebuilt(case, seen).items():
        lost = [each for each in _missing(seen, table) if each.name not in named or not each.name]
        for each in lost:
            what = f"{each.kind} {each.name or each.definition}".strip()
            yield Remark("S3", "risk", path, line, f"the rebuild of {table} loses {what}")
        for column in _uncollated(seen, table):
            yield Remark(
                "S3", "risk", path, line, f"the rebuild of {table} loses the COLLATE of {column}"
            )


def _rebuilt(case: Case, seen: Rehearsed) -> dict[str, tuple[str, int]]:
    found = {}
    for each in seen.record.statements:
        renamed = _REBUILT.match(each.sql)
        if renamed:
            found[renamed[1]] = each.place or (case.scripts[-1].path, 0)
    return found


def _missing(seen: Rehearsed, table: str) -> list[Piece]:
    """Return the parts of the table that are there no more; a CHECK in other words is still a CHECK."""
    before, after = (
        [each for each in pieces if each.table == table] for pieces in (seen.before, seen.after)
    )
    kept = {(each.kind, each.name) for each in after if each.name} | {
        (each.kind, each.definition) for each in after
    }
    gone = [
        each
        for each in before
        if each.kind in _LOSABLE and (each.kind, each.name or each.definition) not in kept
    ]
    counts = Counter(each.kind for each in before), Counter(each.kind for each in after)
    return [each for each in gone if counts[1][each.kind] < counts[0][each.kind]]


def _uncollated(seen: Rehearsed, table: str) -> list[str]:
    after = {
        each.name: each.definition
        for each in seen.after
        if (each.table, each.kind) == (table, "column")
    }
    return [
        each.name
        for each in seen.before
        if (each.table, each.kind) == (table, "column") and " COLLATE " in f" {each.definition}"
        if "COLLATE" not in after.get(each.name, "COLLATE")
    ]


def blocking_index(case: Case) -> Iterator[Remark]:
    """L1: CREATE INDEX keeps writers out while it runs."""
    for script, each in case.operations("create_index"):
        if (
            case.kind == "postgresql"
            and large(case, each.table)
            and each.given("postgresql_concurrently") is not True
        ):
            words = (
                f"the index on {each.table} blocks writes while it is built: "
                "postgresql_concurrently=True in an autocommit_block"
            )
            yield Remark("L1", "risk", script.path, each.line, words)


def validating_constraint(case: Case) -> Iterator[Remark]:
    """L2: a constraint is validated under its lock, unless it is NOT VALID first."""
    for script, each in case.operations(*_UNVALIDATED, "create_unique_constraint"):
        if (
            case.kind == "postgresql"
            and large(case, each.table)
            and each.given("postgresql_not_valid") is not True
        ):
            way = (
                "build the index concurrently first"
                if "unique" in each.name
                else "postgresql_not_valid=True, VALIDATE CONSTRAINT later"
            )
            yield Remark(
                "L2",
                "risk",
                script.path,
                each.line,
                f"checks all of {each.table} under a lock: {way}",
            )


def rewriting(case: Case) -> Iterator[Remark]:
    """L3: a changed type rewrites the table, NOT NULL scans it, both with everybody locked out."""
    for script, each in case.operations("alter_column"):
        what = (
            "may rewrite"
            if each.keyword("type_") is not None
            else "scans"
            if each.given("nullable") is False
            else ""
        )
        if case.kind == "postgresql" and large(case, each.table) and what:
            words = f"{what} {each.table} with readers and writers locked out"
            yield Remark("L3", "risk", script.path, each.line, words)


def narrowed(case: Case) -> Iterator[Remark]:
    """D3: rows that vanished from a table that no script empties."""
    seen = case.rehearsed
    if seen is None or not seen.record.done:
        return
    dropped = {each.table for _, each in case.operations("drop_table")}
    spoken = " ".join(text.sql for script in case.scripts for text in script.texts)
    for table, rows in seen.rows_before.items():
        left = seen.rows_after.get(table)
        if left is not None and left < rows and table not in dropped and table not in spoken:
            yield Remark(
                "D3",
                "risk",
                case.scripts[-1].path,
                0,
                f"{rows - left} of {rows} rows of {table} are gone after it",
            )


REHEARSED = (long_lock, losses, blocking_index, validating_constraint, rewriting, narrowed)
