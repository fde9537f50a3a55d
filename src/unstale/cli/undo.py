"""unstale undo: takes a run back, newest step first."""

from __future__ import annotations

import json

import click

from unstale.cli.options import consent, facts_for
from unstale.errors import UsageError
from unstale.journal import Journal, locked
from unstale.perform import begin, last_undoable, undo, undoable
from unstale.redact import printable


@click.command()
@click.argument("target", required=False, metavar="[RUN]")
@click.option("-C", "directory", default=".", help="The project in DIR.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def command(*, target: str | None, directory: str, yes: bool, form: str) -> int:
    """Take the last run back, or the RUN named; data written since is never lost, but refused."""
    facts = facts_for(directory, changing=True)
    with locked(facts.project.state, "undo", facts.host.now()):
        journal = Journal(facts.project.state)
        chosen = target or last_undoable(journal)
        if target and not any(line.run == target for line in journal.lines()):
            raise UsageError(
                what=f"unknown run: {target}",
                why="the journal does not name it",
                next="unstale log",
            )
        steps = undoable(journal, chosen) if chosen else []
        if not steps:
            click.echo(
                json.dumps({"schema": "unstale.run/1", "run": "", "steps": []})
                if form == "json"
                else "nothing to undo"
            )
            return 0
        for number, action in steps:
            click.echo(f"  step {number} of {chosen}: {printable(action.title())}", err=True)
        consent("Take this back?", yes=yes)
        run = begin(facts, "undo")
        done = list(
            undo(
                facts,
                run,
                str(chosen),
                say=lambda words: click.echo(f"… {printable(words)}", err=True),
            )
        )
        run.journal.append(facts.host.now(), run.id, "end", {})
    if form == "json":
        states = [
            {"id": each.id, "action": printable(each.step.action.title()), "state": each.state}
            for each in done
        ]
        click.echo(
            json.dumps({"schema": "unstale.run/1", "run": run.id, "steps": states}, indent=2)
        )
    else:
        click.echo("\n".join(f"✓ {printable(each.step.action.title())}" for each in done))
    return 0
