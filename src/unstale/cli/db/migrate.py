"""unstale db migrate: lint, rehearsal on a copy with the lock time it predicts, backup, live run, proof."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import click

from unstale.actions.database import RunMigrations
from unstale.cli.changing import changing, finish
from unstale.cli.db.preparation import Wanted, look, rehearsed
from unstale.cli.db.words import trail
from unstale.cli.options import consent, facts_for
from unstale.fact import Facts
from unstale.journal import Journal
from unstale.layer import Risk
from unstale.perform import Outcome, begin, perform
from unstale.plan import Plan, Step
from unstale.redact import mask, printable
from unstale.render.migration import Told, document, preparation, result

_EXITS = {"nothing": 0, "done": 0, "planned": 1, "failed": 1, "refused": 2}


@click.command()
@click.option("-C", "directory", default=".", help="The project in DIR.")
@click.option("--to", metavar="REV", help="Up to this revision; else to the head.")
@click.option("--database", metavar="LABEL", help="Which database, where there are several.")
@click.option("--config", metavar="FILE", help="Which alembic.ini, where there are several.")
@click.option("--dry-run", is_flag=True, help="Lint and rehearse; change nothing.")
@click.option("--anyway", is_flag=True, help="Go on though the app would not wait for the locks.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def command(
    *,
    directory: str,
    to: str | None,
    database: str | None,
    config: str | None,
    dry_run: bool,
    anyway: bool,
    yes: bool,
    form: str,
) -> int:
    """Migrate a database: lint, rehearsal on a copy, verified backup, live run, proof; undo brings the backup back."""
    facts = facts_for(directory, changing=True)
    migrating = _Migrating(facts, Wanted(to, database, config, anyway), quiet=form == "json")
    if dry_run:
        told, _ = migrating.prepare()
    else:
        with changing(facts, "db migrate"):
            told = migrating.run(yes=yes)
    if form == "json":
        click.echo(json.dumps(document(told), indent=2))
    else:
        migrating.show(result(told))
    return _EXITS[told.state]


class _Migrating:
    """One run of the command."""

    def __init__(self, facts: Facts, wanted: Wanted, *, quiet: bool) -> None:
        self.facts = facts
        self.wanted = wanted
        self.quiet = quiet

    def run(self, *, yes: bool) -> Told:
        """Prepare, ask, perform, and return what became of it."""
        told, action = self.prepare()
        if action is None:
            return told
        consent("Migrate it?", yes=yes)
        run = begin(self.facts, "db migrate")
        todo = Plan((Step(action, ()),))
        (outcome,) = perform(run, todo, self.facts, limit=Risk.DISRUPTIVE, say=self._say)
        told = _told(told, outcome, run.id, run.journal)
        if told.outcome is not None:
            kept = run.keep(1).state
            words = {key: told.outcome[key] for key in ("from", "to")}
            words |= {
                "database": told.database,
                "took_s": told.outcome["seconds"],
                "file": str(kept),
            }
            trail(run, self.facts.host.now(), words)
        finish(self.facts, run)
        return told

    def prepare(self) -> tuple[Told, RunMigrations | None]:
        """Show what is pending, the lint and the rehearsal; the action is None where it may not go on."""
        told, action = look(self.facts, self.wanted)
        if action is None:
            return told, None
        self._say(f"rehearsing on a copy of {told.database}")
        told, action = rehearsed(self.facts, told, action, anyway=self.wanted.anyway)
        self.show(preparation(told, self.facts.project.relative))
        return told, action

    def show(self, lines: Iterator[str]) -> None:
        """Print the lines, unless JSON alone is wanted."""
        for line in () if self.quiet else lines:
            click.echo(printable(mask(line)))

    def _say(self, words: str) -> None:
        if not self.quiet:
            click.echo(f"… {printable(words)}", err=True)


def _told(told: Told, outcome: Outcome, run: str, journal: Journal) -> Told:
    words = [line.data for line in journal.lines() if (line.run, line.event) == (run, "done")]
    left: dict[str, Any] | None = words[-1].get("outcome") if words else None
    state = "nothing" if outcome.state == "done" and left is None else outcome.state
    return replace(told, state=state, run=run, note=outcome.note, outcome=left)
