"""SCH006."""

from __future__ import annotations

from collections.abc import Iterator

from unstale.action import Edit
from unstale.check import check
from unstale.facts.migrations import History, MigrationHistories
from unstale.facts.missing_columns import lacking
from unstale.facts.models import Declared, Models
from unstale.facts.sqlite import DatabaseFile, Databases
from unstale.facts.sqlite_content import Content, DatabaseContents
from unstale.finding import Finding, Fresh, Unknown
from unstale.layer import Layer


@check("SCH006", "the models declare what the database lacks", layer=Layer.SCHEMA, since="0.1")
def models_declare_what_the_database_lacks(
    databases: Databases,
    contents: DatabaseContents,
    models: Models,
    histories: MigrationHistories | None,
) -> Iterator[Finding | Fresh | Unknown]:
    """A table or column of the models is not in the database: `create_all()` makes tables and
    alters none.

    What it proves
    A guarded import registers a table or column that no database of the back end has.

    Why it matters
    The first query that names it fails: "no such column".

    How it gets this way
    A field added to a model, and `create_all()` believed to migrate; or a revision that was never
    written.

    How it is seen
    SQLAlchemy's metadata after an import behind a kernel barrier, against `pragma table_info` on a
    private copy.

    What is not flagged
    Types, defaults, indexes, and what only the database has. A database without tables is DBF016.

    Fix, risk and undo
    A person writes the revision; without migrations the ALTER TABLE is printed, and how to adopt
    alembic. Until then nothing is restarted: the code would fail where its predecessor works.
    """
    for declared in models.declared:
        files = databases.of(declared.backend)
        read = [(file, content) for file in files if (content := contents.of(file.path))]
        for file, content in read:
            if content.error:
                yield Unknown(
                    f"models of {declared.entry}", content.error, f"sqlite3 {file.path} .schema"
                )
        filled = [(file, content) for file, content in read if content.filled]
        if not filled or len(filled) < len(files):
            continue
        history = histories.of(declared.backend) if histories else None
        yield from _judged(declared, filled, history, models, contents)


def _judged(
    declared: Declared,
    filled: list[tuple[DatabaseFile, Content]],
    history: History | None,
    models: Models,
    contents: DatabaseContents,
) -> Iterator[Finding | Fresh]:
    file = filled[0][0]
    missing = [each for table in declared.tables for each in lacking(table, filled)]
    count = sum(len(table.columns) for table in declared.tables)
    have_source = f"sqlite3 {file.path} .schema"
    if not missing:
        every = f"all of {count} columns"
        source = f"{declared.entry} imported"
        yield Fresh(
            f"models of {declared.entry}",
            models.shows(every, source),
            contents.shows(every, have_source),
        )
        return
    names = ", ".join(name for name, _ in missing)
    behind = history is not None and any(_behind(content, history) for _, content in filled)
    yield Finding(
        f"models of {declared.entry}",
        f"{file.path} lacks {names}",
        want=models.shows(f"has {names}", f"python -c 'import {declared.entry}'"),
        have=contents.shows(f"lacks {names}", have_source),
        fix=None if behind else _fix(file, [line for _, line in missing], history),
        paths=(file.path,),
        touches=frozenset({file.tag}),
        forbids_restart=not behind,
    )


def _behind(content: Content, history: History) -> bool:
    return not set(content.revisions or ()) <= set(history.heads)


def _fix(file: DatabaseFile, lines: list[str], history: History | None) -> Edit:
    if history is not None:
        return Edit(
            "write the missing revision",
            (
                f"alembic -c {history.config} revision --autogenerate -m 'describe it'",
                "unstale fix SCH001",
            ),
        )
    adopt = (
        "alembic init migrations",
        "alembic revision --autogenerate -m begin && alembic stamp head",
    )
    return Edit("alter the tables, then adopt migrations", (f"sqlite3 {file.path}", *lines, *adopt))
