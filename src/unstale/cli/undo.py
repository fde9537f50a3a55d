"""unstale undo: takes a run or a step back, newest step first."""

from __future__ import annotations

import json
from typing import Any

import click

from unstale.check import catalogue
from unstale.cli.changing import changing, finish
from unstale.cli.db.audit import audited
from unstale.cli.options import consent, facts_for, say
from unstale.cli.outcomes import as_json
from unstale.errors import Refused, UsageError
from unstale.examine import examine
from unstale.fact import Facts
from unstale.history import History, history
from unstale.journal import Journal
from unstale.moved import former
from unstale.perform import Outcome, begin
from unstale.redact import printable
from unstale.undo import Ready, last_undoable, ready, undo


@click.command()
@click.argument("target", required=False, metavar="[RUN]")
@click.option("-C", "directory", default=".", help="The project in DIR.")
@click.option("--step", type=click.IntRange(min=1), help="Take only this step of the run back.")
@click.option(
    "--accept-data-loss",
    "accept",
    type=click.IntRange(min=0),
    metavar="N",
    help="Give up exactly N rows that were written since; the replaced database is kept.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def command(
    *,
    target: str | None,
    directory: str,
    step: int | None,
    accept: int | None,
    yes: bool,
    form: str,
) -> int:
    """Take the last run back, or the RUN named; data written since is never lost, but refused."""
    facts = facts_for(directory, changing=True)
    with changing(facts, "undo"):
        journal = Journal(facts.project.state)
        chosen = _chosen(facts, journal, target)
        steps = ready(facts, journal, chosen, step=step, accept=accept) if chosen else []
        run, done = _take_back(facts, chosen, steps, yes=yes) if steps else ("", [])
        if form == "json":
            codes = [_cured(journal, chosen, number) for number, _ in steps]
            click.echo(json.dumps(_json(facts, run, done, codes), indent=2))
            return 0
        words = [_words(each) for each in done] or [_nothing(facts, journal, chosen)]
    click.echo("\n".join(words))
    return 0


def _chosen(facts: Facts, journal: Journal, target: str | None) -> str:
    """Return the run to take back, or nothing. Raises UsageError for a run that the journal does not name."""
    known = any(line.run == target for line in journal.lines())
    moved = former(facts.project, facts.host)
    if moved is not None and (target in moved.runs or (moved.proven and not target)):
        raise Refused(
            what="nothing was done here",
            why=moved.words,
            next=moved.advice(facts.project),
        )
    if target and not known:
        raise UsageError(
            what=f"unknown run: {target}", why="the journal does not name it", next="unstale log"
        )
    return target or last_undoable(journal) or ""


def _take_back(facts: Facts, chosen: str, steps: Ready, *, yes: bool) -> tuple[str, list[Outcome]]:
    """Show the steps, ask, undo them; return the run that did it and what became of each."""
    past = history(Journal(facts.project.state).lines())
    for words in _without_a_way(past, chosen, steps):
        click.echo(f"  {words}", err=True)
    for number, action in steps:
        click.echo(f"  step {number} of {chosen}: {printable(action.title())}", err=True)
    consent("Take this back?", yes=yes)
    run = begin(facts, "undo", whole=len(steps) == len(past.open(chosen)), target=chosen)
    try:
        done = list(audited(facts, run, undo(facts, run, chosen, say=say, steps=steps), steps))
    finally:  # what fails is a person's to decide; only what is killed is finished by the next run
        finish(facts, run)
    return run.id, done


def _without_a_way(past: History, chosen: str, steps: Ready) -> list[str]:
    """Return the done steps that stay, where the whole run is taken back."""
    if len(steps) < len(past.open(chosen)):
        return []
    return [
        f"step {each.step} of {chosen} stays, it has no way back: {printable(each.title)}"
        for each in past.of(chosen)
        if each.state == "done" and each.inverse is None
    ]


def _words(each: Outcome) -> str:
    note = f"; {printable(each.note)}" if each.note else ""
    return f"✓ {printable(each.step.action.title())}{note}"


def _nothing(facts: Facts, journal: Journal, chosen: str) -> str:
    """Say why there is nothing to undo, and where an undo that was itself undone leads."""
    past = history(journal.lines())
    for deed in past.of(chosen):
        newest = past.newest(deed)
        if newest != deed:
            again = newest.run if newest in past.standing() else ""
            by = past.undone[deed.key].run
            return f"nothing to undo: {by} took {chosen} back" + (
                f", and {again} did it again: unstale undo {again}" if again else ""
            )
    moved = former(facts.project, facts.host)
    return "nothing to undo" + (f" here; {moved.words}" if moved else "")


def _json(facts: Facts, run: str, done: list[Outcome], codes: list[list[str]]) -> dict[str, Any]:
    """Return `unstale.run/1`; a step names the codes that the step it takes back had cured."""
    after = examine(facts.again(), catalogue())
    document = as_json(run, 1 if done else 0, done, after)
    for row, cured in zip(document["steps"], codes, strict=True):
        row["codes"] = cured
    return document


def _cured(journal: Journal, run: str, number: int) -> list[str]:
    """Return the codes that a step of a run cured, as its intent says."""
    found = history(journal.lines()).of(run)
    return next(list(each.codes) for each in found if each.step == number)
