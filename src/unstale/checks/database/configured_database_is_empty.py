"""DBF016."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from unstale.action import Action, Edit
from unstale.actions.database import RunMigrations, migration
from unstale.check import check
from unstale.facts.migrations import History, MigrationHistories
from unstale.facts.models import Models
from unstale.facts.sqlite import DatabaseFile, Databases
from unstale.facts.sqlite_content import DatabaseContents
from unstale.facts.twins import accidental
from unstale.finding import Finding, Fresh, Unknown
from unstale.layer import Layer, Severity


@check(
    "DBF016",
    "the configured database is empty",
    layer=Layer.DATABASE,
    since="0.1",
    fix=RunMigrations,
)
def configured_database_is_empty(
    databases: Databases,
    contents: DatabaseContents,
    histories: MigrationHistories | None,
    models: Models | None,
) -> Iterator[Finding | Fresh | Unknown]:
    """The database that the app is configured to use is missing or has no table, though tables are
    defined.

    What it proves
    Nothing, 0 bytes or no table is at the path that the URL names, while migrations or models
    define tables.

    Why it matters
    Each query fails with "no such table", or a first start quietly begins an empty site.

    How it gets this way
    A database deleted or never migrated; a URL that now names another place.

    How it is seen
    The file's size, and `sqlite_master` on a private copy.

    What is not flagged
    A missing file before the project's first start is a note, as is one that only a default in
    source names.

    Fix, risk and undo
    Run the migrations, where alembic comes to this very file; undo removes what they made. Else by
    hand.
    """
    twins = accidental(databases, contents)
    for file in databases.files:
        backend = next((place.backend for place in file.places), None)
        history = histories.of(backend) if histories else None
        declared = models.of(backend) if models else None
        if file not in databases.of(backend) or not (history or declared):
            continue
        content = contents.of(file.path)
        want = databases.shows(
            "tables", history.config if history else f"{declared and declared.entry}"
        )
        if content is not None and content.error:
            yield Unknown(f"database {file.path}", content.error, f"sqlite3 {file.path} .tables")
        elif content is not None and (content.tables or content.revisions):
            yield Fresh(
                f"database {file.path}",
                want,
                contents.shows("tables", f"sqlite3 {file.path} .tables"),
            )
        else:
            state = {None: "no file", 0: "0 bytes"}.get(file.size, "no table")
            yield Finding(
                f"database {file.path}",
                f"{file.places[0].source} names it, and it holds nothing",
                want=want,
                have=databases.shows(state, f"ls -l {file.path}"),
                fix=None if file.path in twins else _fix(file, history, backend),
                severity=_severity(file),
                paths=(file.path,),
                explains=frozenset({file.tag}),
                touches=frozenset({file.tag}),
            )


def _severity(file: DatabaseFile) -> Severity:
    expected = file.served and any(place.certain for place in file.places)
    return Severity.NOTE if file.size is None and not expected else Severity.STALE


def _fix(file: DatabaseFile, history: History | None, backend: Path | None) -> Action:
    if history is None:
        return Edit(
            "create the tables", (f"cd {backend}   # then start the app, or call its create_all()",)
        )
    place = Path(history.config).parent
    return migration(file, history) or Edit(
        "run the migrations", (f"cd {place} && alembic upgrade heads",)
    )
