"""SCH001."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from unstale.action import Edit
from unstale.actions.database import RunMigrations, migration
from unstale.check import check
from unstale.facts.migrations import History, MigrationHistories
from unstale.facts.sqlite import DatabaseFile, Databases
from unstale.facts.sqlite_content import Content, DatabaseContents
from unstale.facts.twins import accidental
from unstale.finding import Finding, Fresh, Unknown
from unstale.layer import Layer


@check(
    "SCH001",
    "the database is behind the migrations",
    layer=Layer.SCHEMA,
    since="0.1",
    fix=RunMigrations,
)
def database_is_behind_the_migrations(
    databases: Databases, contents: DatabaseContents, histories: MigrationHistories
) -> Iterator[Finding | Fresh | Unknown]:
    """Migrations lie in the checkout that were never applied to the database in use.

    What it proves
    The revision in `alembic_version` is an ancestor of a head, and is no head.

    Why it matters
    Code that needs the new columns fails: "no such column".

    How it gets this way
    A deploy or a pull without `alembic upgrade head`.

    How it is seen
    `alembic_version` on a private copy; the revisions by syntax from the scripts, no env.py is run.

    What is not flagged
    A database at any head, one without alembic's table, one without tables (DBF016).

    Fix, risk and undo
    A verified backup, a rehearsal on a copy, then `alembic upgrade` with the server's interpreter
    and environment, and proof that it did what the rehearsal did. It fails, and changes nothing,
    where the locks would outlast what the app waits. Undo brings the backup back into the live
    file, and refuses when rows were written since. Until it is applied nothing is restarted: code
    that needs the new columns stays out.
    """
    twins = accidental(databases, contents)
    for history in histories.histories:
        for file in databases.of(history.backend):
            content = contents.of(file.path)
            if content is None or not (content.error or content.revisions):
                continue
            subject = f"schema of {file.path}"
            if content.error or history.unread:
                why = content.error or f"cannot read {', '.join(history.unread)}"
                yield Unknown(subject, why, f"cd {Path(history.config).parent} && alembic current")
            else:
                yield _judged(subject, file, history, contents, twin=file.path in twins)


def _judged(
    subject: str, file: DatabaseFile, history: History, contents: DatabaseContents, *, twin: bool
) -> Finding | Fresh | Unknown:
    content = contents.of(file.path) or Content(file.path)
    applied = content.revisions or ()
    query = f"sqlite3 {file.path} 'SELECT version_num FROM alembic_version'"  # noqa: S608 - words
    pending = history.pending(applied)
    have = contents.shows(" ".join(applied), query)
    if pending is None:
        return Unknown(
            subject,
            f"revision {' '.join(applied)} is in none of the scripts",
            f"git log --all -S {applied[0]}",
        )
    if set(applied) <= set(history.heads):
        return Fresh(
            subject, contents.shows(have.value, f"alembic -c {history.config} heads"), have
        )
    hand = Edit(
        "run the migrations", (f"cd {Path(history.config).parent} && alembic upgrade head",)
    )
    names = ", ".join(each.id for each in pending)
    return Finding(
        subject,
        f"not applied: {names}",
        want=contents.shows(" ".join(history.heads), f"alembic -c {history.config} heads"),
        have=have,
        fix=None
        if twin
        else migration(file, history, tuple(each.path for each in pending)) or hand,
        paths=(file.path, *(each.path for each in pending)),
        explains=frozenset({file.tag}),
        touches=frozenset({file.tag}),
        forbids_restart=not twin,
    )
