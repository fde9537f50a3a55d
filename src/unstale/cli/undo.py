"""unstale undo: takes a run back, newest step first."""

from __future__ import annotations

import json
from typing import Any

import click

from unstale.action import Action
from unstale.check import catalogue
from unstale.cli.options import changing, consent, facts_for, say
from unstale.cli.outcomes import as_json
from unstale.errors import UsageError
from unstale.examine import examine
from unstale.fact import Facts
from unstale.journal import Journal
from unstale.perform import Outcome, begin
from unstale.redact import printable
from unstale.undo import last_undoable, undo, undoable


@click.command()
@click.argument("target", required=False, metavar="[RUN]")
@click.option("-C", "directory", default=".", help="The project in DIR.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def command(*, target: str | None, directory: str, yes: bool, form: str) -> int:
    """Take the last run back, or the RUN named; data written since is never lost, but refused."""
    facts = facts_for(directory, changing=True)
    with changing(facts, "undo"):
        journal = Journal(facts.project.state)
        chosen = _chosen(journal, target)
        steps = undoable(journal, chosen) if chosen else []
        run, done = _take_back(facts, chosen, steps, yes=yes) if steps else ("", [])
        if form == "json":
            codes = [_cured(journal, chosen, number) for number, _ in steps]
            click.echo(json.dumps(_json(facts, run, done, codes), indent=2))
            return 0
    words = [f"✓ {printable(each.step.action.title())}" for each in done]
    click.echo("\n".join(words) or "nothing to undo")
    return 0


def _chosen(journal: Journal, target: str | None) -> str:
    """Return the run to take back, or nothing. Raises UsageError for a run that the journal does not name."""
    if target and not any(line.run == target for line in journal.lines()):
        raise UsageError(
            what=f"unknown run: {target}", why="the journal does not name it", next="unstale log"
        )
    return target or last_undoable(journal) or ""


def _take_back(
    facts: Facts, chosen: str, steps: list[tuple[int, Action]], *, yes: bool
) -> tuple[str, list[Outcome]]:
    """Show the steps, ask, undo them; return the run that did it and what became of each."""
    for number, action in steps:
        click.echo(f"  step {number} of {chosen}: {printable(action.title())}", err=True)
    consent("Take this back?", yes=yes)
    run = begin(facts, "undo")
    done = list(undo(facts, run, chosen, say=say))
    run.journal.append(facts.host.now(), run.id, "end", {})
    return run.id, done


def _json(facts: Facts, run: str, done: list[Outcome], codes: list[list[str]]) -> dict[str, Any]:
    """Return `unstale.run/1`; a step names the codes that the step it takes back had cured."""
    after = examine(facts.again(), catalogue())
    document = as_json(run, 1 if done else 0, done, after)
    for row, cured in zip(document["steps"], codes, strict=True):
        row["codes"] = cured
    return document


def _cured(journal: Journal, run: str, number: int) -> list[str]:
    """Return the codes that a step of a run cured, as its intent says."""
    intents = (line.data for line in journal.lines() if (line.run, line.event) == (run, "intent"))
    return next(data["codes"] for data in intents if data["step"] == number)
