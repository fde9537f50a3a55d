"""unstale db backup: an online backup, verified before it is called one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from unstale.actions.back_up_database import BackUpDatabase
from unstale.cli.changing import changing, finish
from unstale.cli.db.words import size_of, trail
from unstale.cli.options import facts_for
from unstale.errors import Failed, Halted, Refused
from unstale.fact import Facts
from unstale.layer import Risk
from unstale.perform import Run, begin, perform
from unstale.plan import Plan, Step
from unstale.redact import mask, printable
from unstale.stores.find import AnyStore, one
from unstale.stores.note import Note, note_of


@click.command()
@click.option("-C", "directory", default=".", help="The project in DIR.")
@click.option("--database", help="Which one, where there are several: its path or name.")
@click.option("-o", "--output", help="Write to FILE, which must not be there.", metavar="FILE")
@click.option("--yes", is_flag=True, expose_value=False, help="Accepted; a backup never asks.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def command(*, directory: str, database: str | None, output: str | None, form: str) -> int:
    """Make a verified online backup; the app goes on meanwhile."""
    facts = facts_for(directory, changing=True)
    store = one(facts, database)
    with changing(facts, "db backup"):
        _require_there(facts, store)
        run = begin(facts, "db backup")
        target = _target(facts, store, run, output)
        note = back_up(facts, run, store, target, number=1)
        finish(facts, run)
    seconds = (note.verified_at - note.taken_at).total_seconds()
    if form == "json":
        click.echo(json.dumps(_document(run, store, target, note, seconds), indent=2))
        return 0
    rows, tables = sum(note.rows.values()), len(note.rows)
    click.echo(f"✓ {printable(store.label)} backed up and verified in {seconds:.1f} s")
    click.echo(f"  {printable(target)}")
    click.echo(
        f"  {size_of(note.size)}, {rows} row{'s' * (rows != 1)} in {tables} table{'s' * (tables != 1)}"
    )
    click.echo(f"bring it back: unstale db restore {printable(target if output else run.id)}")
    return 0


def back_up(facts: Facts, run: Run, store: AnyStore, target: str, *, number: int) -> Note:
    """Do one backup as a step of the run, and write its trail. Raises Failed."""
    step = Step(BackUpDatabase(store, target), ())
    for outcome in perform(
        run, Plan((step,)), facts, limit=Risk.DISRUPTIVE, first=number, say=_quiet
    ):
        if outcome.state != "done":
            finish(facts, run)
            raise Failed(
                what=f"{store.label} was not backed up",
                why=outcome.note,
                next="unstale db status",
            )
    note = note_of(facts.host, target)
    if note is None:
        raise Halted(
            what=f"{target} has no note", why="it was removed meanwhile", next="Back up again."
        )
    took = (note.verified_at - note.taken_at).total_seconds()
    revisions = list(note.revisions)
    words = {"database": mask(store.label), "from": revisions, "to": revisions, "file": target}
    trail(run, facts.host.now(), {"step": number, **words, "took_s": round(took, 3)})
    return note


def _quiet(_words: str) -> None:
    """Say nothing: the result is said."""


def _require_there(facts: Facts, store: AnyStore) -> None:
    if not store.size(facts.host):
        raise Refused(
            what=f"{store.label} is not backed up",
            why="it is empty, or not there",
            next="unstale db status",
        )


def _target(facts: Facts, store: AnyStore, run: Run, output: str | None) -> str:
    """Return where the backup goes; a file that a person named is never overwritten."""
    if output is None:
        ending = "db" if store.kind == "sqlite" else "dump"
        return str(run.keep(1).state / f"before.{ending}")
    target = Path(output).absolute()
    for path in (target, Path(f"{target}.json")):
        if facts.host.stat(str(path), follow=False) is not None:
            raise Refused(
                what=f"{store.label} is not backed up",
                why=f"{path} is already there",
                next="Name another file.",
            )
    return str(target)


def _document(run: Run, store: AnyStore, target: str, note: Note, seconds: float) -> dict[str, Any]:
    return {
        "schema": "unstale.db/1",
        "command": "backup",
        "run": run.id,
        "database": printable(mask(store.label)),
        "backup": {
            "file": printable(target),
            "run": run.id,
            "taken_at": f"{note.taken_at:%Y-%m-%dT%H:%M:%SZ}",
            "verified_at": f"{note.verified_at:%Y-%m-%dT%H:%M:%SZ}",
            "size": note.size,
            "rows": sum(note.rows.values()),
            "revisions": list(note.revisions),
        },
        "took_s": round(seconds, 3),
    }
