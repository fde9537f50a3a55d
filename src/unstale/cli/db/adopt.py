"""unstale db adopt: puts a database that create_all made under Alembic, without changing a row."""

from __future__ import annotations

import json
from typing import Any

import click

from unstale.actions.adopt_database import AdoptDatabase
from unstale.adoption.models import creating
from unstale.adoption.prepare import Adoption, prepare
from unstale.cli.changing import changing, finish
from unstale.cli.db.words import trail
from unstale.cli.options import consent, facts_for
from unstale.errors import Failed, Refused
from unstale.fact import Facts
from unstale.layer import Risk
from unstale.perform import Run, begin, perform
from unstale.plan import Plan, Step
from unstale.redact import mask, printable
from unstale.stores.find import AnyStore, one


@click.command()
@click.option("-C", "directory", default=".", help="The project in DIR.")
@click.option("--database", help="Which one, where there are several: its path or name.")
@click.option("--dry-run", is_flag=True, help="Compare, rehearse, show; write nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def command(*, directory: str, database: str | None, dry_run: bool, yes: bool, form: str) -> int:
    """Compare the database with its models both ways, mend real drift, and stamp it. No row changes."""
    facts = facts_for(directory, changing=True)
    store = one(facts, database)
    with changing(facts, "db adopt"):
        adoption = prepare(facts, store)
        fingerprint = store.fingerprint(facts.host)
        edits = _edits(facts, adoption)
        _show(store, adoption, whole=dry_run, err=form == "json" or not dry_run)
        run = None
        if not dry_run:
            consent("Adopt it?", yes=yes)
            run = begin(facts, "db adopt")
            _adopt(facts, run, AdoptDatabase(store, adoption, fingerprint))
            finish(facts, run)
    if form == "json":
        click.echo(json.dumps(_document(store, adoption, edits, run), indent=2))
        return 0
    if run is not None:
        click.echo(f"✓ {printable(store.label)} is at {adoption.revision}; no row was changed")
        click.echo(f"take it back: unstale undo {run.id}")
    _show_edits(edits)
    return 0


def _adopt(facts: Facts, run: Run, action: AdoptDatabase) -> None:
    """Do it as the one step of the run. Raises Failed, or Refused where the schema changed meanwhile."""
    began = facts.host.now()
    plan = Plan((Step(action, ()),))
    for outcome in perform(run, plan, facts, limit=Risk.DISRUPTIVE, say=_say):
        if outcome.state != "done":
            finish(facts, run)
            kind = Refused if outcome.state == "refused" else Failed
            what = f"{action.store.label} was not adopted"
            raise kind(what=what, why=outcome.note, next="unstale log")
    took = round((facts.host.now() - began).total_seconds(), 3)
    words = {"step": 1, "database": mask(action.store.label), "from": [], "took_s": took}
    to = {"to": [action.adoption.revision], "file": action.adoption.files[-1][0]}
    trail(run, facts.host.now(), {**words, **to})


def _show(store: AnyStore, adoption: Adoption, *, whole: bool, err: bool) -> None:
    click.echo(f"{printable(store.label)} against its models", err=err)
    if not adoption.rehearsal.differences:
        click.echo("  equal", err=err)
    for each in adoption.rehearsal.differences:
        mark = "=" if each.harmless else "≠"
        click.echo(f"  {mark} {printable(each.words())}", err=err)
        why = each.harmless or "mended, tried on a copy"
        click.echo(f"      {printable(why)}", err=err)
    for path, _ in adoption.files:
        click.echo(f"  writes {printable(path)}", err=err)
    for statement in adoption.rehearsal.statements if whole else ():
        click.echo(f"  runs {printable(statement)}", err=err)
    click.echo(f"  stamps {adoption.revision}", err=err)


def _edits(facts: Facts, adoption: Adoption) -> tuple[tuple[str, int, str], ...]:
    """Return what still makes tables behind Alembic's back, with paths from the root."""
    found = creating(facts, adoption.backend)
    return tuple((facts.project.relative(path), line, text) for path, line, text in found)


def _show_edits(edits: tuple[tuple[str, int, str], ...]) -> None:
    for path, line, text in edits:
        click.echo(f"✎ yours to do: {printable(path)}:{line} makes tables that Alembic should make")
        click.echo(f"-{printable(text)}")


def _say(words: str) -> None:
    click.echo(f"… {printable(words)}", err=True)


def _document(
    store: AnyStore,
    adoption: Adoption,
    edits: tuple[tuple[str, int, str], ...],
    run: Run | None,
) -> dict[str, Any]:
    return {
        "schema": "unstale.db/1",
        "command": "adopt",
        "run": run and run.id,
        "database": printable(mask(store.label)),
        "revision": adoption.revision,
        "differences": [
            {
                "table": printable(each.table),
                "kind": each.kind,
                "name": printable(each.name),
                "want": each.want and printable(each.want),
                "have": each.have and printable(each.have),
                "harmless": each.harmless or None,
            }
            for each in adoption.rehearsal.differences
        ],
        "files": [printable(path) for path, _ in adoption.files],
        "statements": [printable(each) for each in adoption.rehearsal.statements],
        "edits": [
            {"file": printable(path), "line": line, "text": printable(text)}
            for path, line, text in edits
        ],
    }
