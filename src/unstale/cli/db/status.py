"""unstale db status: what each database is, its revision, its backups, and who uses it. It changes nothing."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import click

from unstale.cli.db.words import age_of, revision_words, size_of
from unstale.cli.options import facts_for
from unstale.errors import Absent, Unavailable, UnstaleError
from unstale.fact import Facts
from unstale.facts.migrations import MigrationHistories
from unstale.facts.servers import DatabaseServers
from unstale.facts.sqlite import DatabaseFile, Databases
from unstale.facts.sqlite_content import DatabaseContents
from unstale.facts.sqlite_library import wal_reset_note
from unstale.redact import mask, printable
from unstale.stores.find import AnyStore, stores
from unstale.stores.kept import Kept, kept
from unstale.stores.sqlite import SqliteStore

Row = dict[str, Any]


@click.command()
@click.option("-C", "directory", default=".", help="The project in DIR.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def command(*, directory: str, form: str) -> int:
    """Show each database: where, how large, at which revision, who has it open, which backups are kept."""
    facts = facts_for(directory)
    try:
        found = stores(facts)
    except Absent as error:
        click.echo(f"{error.what}: {error.why}", err=True)
        found = ()
    rows = [_row(facts, each) for each in found]
    note = wal_reset_note(facts) if any(row["journal"] == "wal" for row in rows) else None
    if form == "json":
        document = {"schema": "unstale.db/1", "command": "status", "databases": rows}
        click.echo(json.dumps({**document, "notes": [note] if note else []}, indent=2))
    else:
        for row in rows:
            _show(facts, row)
        if note:
            click.echo(f"note: {note}")
    return 3 if any(row["error"] for row in rows) else 0


def _row(facts: Facts, store: AnyStore) -> Row:
    row: Row = {
        "kind": store.kind, "database": printable(mask(store.label)), "size": None, "wal_size": None,
        "journal": None, "revisions": [], "heads": [], "pending": None, "users": [], "error": None,
    }  # fmt: skip  # a record
    try:
        more = _sqlite(facts, store) if isinstance(store, SqliteStore) else _server(facts, store)
        row.update(more)
    except (UnstaleError, OSError) as error:
        row["error"] = printable(mask(str(error)))
    backups = kept(facts.host, facts.project.state, store.label)
    return {**row, "backups": [_backup(each) for each in backups]}


def _sqlite(facts: Facts, store: SqliteStore) -> Row:
    file = next(each for each in facts.get(Databases).files if each.path == store.path)
    wal = facts.host.stat(f"{file.path}-wal")
    said: Row = {
        "size": file.size,
        "wal_size": wal.size if wal else None,
        "journal": _journal(file),
        "users": [printable(each) for each in store.users(facts.host)],
    }
    content = facts.get(DatabaseContents).of(file.path)
    if content is not None and content.error:
        return {**said, "error": printable(content.error)}
    backends = {place.backend for place in file.places}
    revisions = content.revisions or () if content else ()
    return {**said, **_behind(facts, backends, revisions)}


def _journal(file: DatabaseFile) -> str | None:
    """Return wal or rollback: which kind of rollback journal is not written in the file."""
    if not file.size:
        return None
    return "wal" if file.wal else "rollback"


def _server(facts: Facts, store: AnyStore) -> Row:
    servers = facts.get(DatabaseServers).servers
    backends = {each.backend for each in servers if each.url == getattr(store, "url", None)}
    size = store.size(facts.host)
    users = [printable(mask(each)) for each in store.users(facts.host)]
    revisions = store.revisions(facts.host)
    return {"size": size, "users": users, **_behind(facts, backends, revisions)}


def _behind(facts: Facts, backends: set[Any], revisions: tuple[str, ...]) -> Row:
    """Return the revisions, the heads of the scripts, and how many are pending; null where that is not known."""
    said: Row = {"revisions": list(revisions)}
    try:
        histories = facts.get(MigrationHistories)
    except (Absent, Unavailable):
        return said
    mine = [each for backend in backends if (each := histories.of(backend)) is not None]
    if len(mine) != 1 or mine[0].unread:
        return said
    pending = mine[0].pending(revisions)
    return {
        **said,
        "heads": list(mine[0].heads),
        "pending": None if pending is None else len(pending),
    }


def _backup(each: Kept) -> Row:
    return {
        "file": printable(each.path),
        "run": each.run,
        "taken_at": f"{each.note.taken_at:%Y-%m-%dT%H:%M:%SZ}",
        "verified_at": f"{each.note.verified_at:%Y-%m-%dT%H:%M:%SZ}",
        "size": each.note.size,
        "rows": sum(each.note.rows.values()),
        "revisions": list(each.note.revisions),
    }


def _show(facts: Facts, row: Row) -> None:
    journal = f", {row['journal']} journal" if row["journal"] else ""
    wal = f" and {size_of(row['wal_size'])} of WAL" if row["wal_size"] else ""
    size = "" if row["error"] else f", {size_of(row['size'])}"
    click.echo(f"{row['database']}  ({row['kind']}{size}{wal}{journal})")
    if row["error"]:
        click.echo(f"  {row['error']}")
    elif row["size"] is not None:
        click.echo(f"  {revision_words(tuple(row['revisions']))}{_standing(row)}")
    for user in row["users"]:
        click.echo(f"  open in {user}")
    now = facts.host.now()
    for each in row["backups"]:
        age, verified = (age_of(now - _time(each[key])) for key in ("taken_at", "verified_at"))
        size = size_of(each["size"])
        click.echo(f"  backup {each['run']}: {age} old, {size}, verified {verified} ago")
        click.echo(f"    {each['file']}")
    if not row["backups"]:
        click.echo("  no backup is kept: unstale db backup")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _standing(row: Row) -> str:
    if row["pending"] is None:
        return ""
    return f", {row['pending']} migrations behind" if row["pending"] else ", up to date"
