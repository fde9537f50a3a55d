"""unstale db restore: brings a backup back; what it replaces is kept, so that it can be undone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from unstale.actions.replace_database import ReplaceDatabase, in_use
from unstale.cli.changing import changing, finish
from unstale.cli.db.words import age_of, revision_words, trail
from unstale.cli.options import consent, facts_for
from unstale.errors import Failed, Refused, UnstaleError, UsageError
from unstale.fact import Facts
from unstale.layer import Risk
from unstale.perform import Run, begin, perform
from unstale.plan import Plan, Step
from unstale.redact import mask, printable
from unstale.stores.find import AnyStore, one
from unstale.stores.kept import kept
from unstale.stores.note import note_of

_MAGIC = {"sqlite": b"SQLite format 3\0", "postgresql": b"PGDMP"}


@click.command()
@click.argument("backup", required=False, metavar="[BACKUP|RUN]")
@click.option("-C", "directory", default=".", help="The project in DIR.")
@click.option("--database", help="Which one, where there are several: its path or name.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def command(
    *, backup: str | None, directory: str, database: str | None, yes: bool, form: str
) -> int:
    """Bring the newest backup back, or the file or run named. The replaced database is kept."""
    facts = facts_for(directory, changing=True)
    store = one(facts, database)
    with changing(facts, "db restore"):
        source = _source(facts, store, backup)
        rows = _verified(facts, store, source)
        _require_unused(facts, store)
        now = _rows_now(facts, store)
        _show(facts, store, source, now, rows)
        consent(f"Replace {printable(store.label)}?", yes=yes)
        run = begin(facts, "db restore")
        took = _restore(facts, run, store, source)
        finish(facts, run)
    if form == "json":
        click.echo(json.dumps(_document(run, store, source, now, rows, took), indent=2))
    else:
        click.echo(f"✓ {printable(store.label)} replaced by {printable(source)} in {took:.1f} s")
        there = store.kept_as(facts.host, str(run.keep(1).state))
        if now != {}:
            click.echo(f"  what was there is kept: {printable(there)}")
        click.echo(f"take it back: unstale undo {run.id}")
    return 0


def _restore(facts: Facts, run: Run, store: AnyStore, source: str) -> float:
    """Do it as the one step of the run; return the seconds. Raises Failed, or Refused where somebody came to use it."""
    before, began = _revisions(facts, store), facts.host.now()
    step = Step(ReplaceDatabase(store, source), ())
    for outcome in perform(run, Plan((step,)), facts, limit=Risk.DESTRUCTIVE, say=_say):
        if outcome.state != "done":
            finish(facts, run)
            kind = Refused if outcome.state == "refused" else Failed
            what = f"{store.label} was not replaced"
            raise kind(what=what, why=outcome.note, next="unstale db status")
    took = (facts.host.now() - began).total_seconds()
    after = _revisions(facts, store)
    words = {"step": 1, "database": mask(store.label), "from": before, "to": after}
    trail(run, facts.host.now(), {**words, "file": source, "took_s": round(took, 3)})
    return took


def _source(facts: Facts, store: AnyStore, named: str | None) -> str:
    """Return the backup's file: the newest one, that of a run, or a file. Raises UsageError."""
    found = kept(facts.host, facts.project.state, store.label)
    if named is None:
        if not found:
            raise UsageError(
                what=f"no backup of {store.label} is kept here",
                why=f"{facts.project.state / 'backups'} holds none",
                next="Name a file: unstale db restore FILE",
            )
        return found[0].path
    of_run = [each.path for each in found if each.run == named]
    if of_run:
        return of_run[0]
    path = str(Path(named).absolute())
    seen = facts.host.stat(path)
    if seen is None or seen.kind != "file":
        raise UsageError(
            what=f"unknown backup: {named}",
            why="no kept backup is of that run, and no such file is there",
            next="unstale db status",
        )
    if not facts.host.read(path, 16).startswith(_MAGIC[store.kind]):
        raise UsageError(
            what=f"{path} is no backup of {store.label}",
            why="its first bytes are of another kind of file",
            next="unstale db status",
        )
    return path


def _verified(facts: Facts, store: AnyStore, source: str) -> dict[str, int]:
    try:
        return store.verify(facts.host, source)
    except Failed as error:
        raise Refused(what=error.what, why=error.why, next=error.next) from None


def _require_unused(facts: Facts, store: AnyStore) -> None:
    why_not = in_use(store, facts)
    if why_not is not None:
        raise Refused(
            what=f"{store.label} is not replaced", why=why_not, next="Nothing was changed."
        )


def _rows_now(facts: Facts, store: AnyStore) -> dict[str, int] | None:
    """Return the rows by table, None where it cannot be read: a restore is what it may need."""
    try:
        return store.rows(facts.host)
    except UnstaleError:
        return None


def _revisions(facts: Facts, store: AnyStore) -> list[str]:
    try:
        return list(store.revisions(facts.host))
    except UnstaleError:
        return []


def _show(
    facts: Facts, store: AnyStore, source: str, now: dict[str, int] | None, rows: dict[str, int]
) -> None:
    note = note_of(facts.host, source)
    whose = f", of {printable(note.label)}" if note and note.label != store.label else ""
    age = f", {age_of(facts.host.now() - note.taken_at)} old" if note else ""
    revisions = f", {revision_words(note.revisions)}" if note else ""
    click.echo(f"{printable(store.label)} ← {printable(source)}{whose}{age}{revisions}", err=True)
    if now is None:
        click.echo("  what is there now cannot be read", err=True)
    tables = sorted({*rows, *(now or {})})
    for name in tables:
        there, back = (now or {}).get(name), rows.get(name)
        lost = (
            f"  {there - (back or 0)} only in the live one" if there and there > (back or 0) else ""
        )
        words = f"{_count(there)} rows now, {_count(back)} in the backup{lost}"
        click.echo(f"  {printable(name)}: {words}", err=True)
    click.echo("  what is there now is kept; unstale undo puts it back", err=True)


def _count(rows: int | None) -> str:
    return "no" if rows is None else str(rows)


def _say(words: str) -> None:
    click.echo(f"… {printable(words)}", err=True)


def _document(  # noqa: PLR0917 - what the run came to
    run: Run,
    store: AnyStore,
    source: str,
    now: dict[str, int] | None,
    rows: dict[str, int],
    took: float,
) -> dict[str, Any]:
    return {
        "schema": "unstale.db/1",
        "command": "restore",
        "run": run.id,
        "database": printable(mask(store.label)),
        "file": printable(source),
        "rows_before": now and {printable(name): count for name, count in now.items()},
        "rows_after": {printable(name): count for name, count in rows.items()},
        "took_s": round(took, 3),
    }
