"""What became of a run's steps: in words, and as `unstale.run/1`. fix and undo speak alike."""

from __future__ import annotations

from typing import Any

import click

from unstale.layer import Risk
from unstale.perform import Outcome
from unstale.plan import Step
from unstale.redact import printable
from unstale.report import Report

_MARKS = {"done": "✓", "failed": "✗", "refused": "✗", "skipped": "-"}


def as_json(run: str, rounds: int, outcomes: list[Outcome], after: Report) -> dict[str, Any]:
    """Return `unstale.run/1`; `run` is empty where nothing was begun."""
    return {
        "schema": "unstale.run/1",
        "run": run,
        "rounds": rounds,
        "steps": [_row(each) for each in outcomes],
        "verdict_after": after.verdict.value,
    }


def _row(each: Outcome) -> dict[str, Any]:
    action = each.step.action
    return {
        "id": each.id,
        "action": printable(action.title()),
        "codes": list(each.step.codes),
        "risk": action.risk.word,
        "state": each.state,
        "undoable": each.undoable,
        "note": printable(each.note),
        "preview": [_exact(line) for line in action.preview()],
    }


def show(each: Outcome) -> None:
    """Print one step: the exact edit where a person must make it, else what is planned or became of it."""
    action, codes = each.step.action, ", ".join(each.step.codes)
    title = printable(action.title())
    if action.risk is Risk.MANUAL:
        click.echo(" ".join(word for word in ("✎", codes, f"yours to do: {title}") if word))
        click.echo("\n".join(_exact(line) for line in action.preview()))
    elif each.state == "planned":
        preview(each.id, each.step, lines=None, err=False)
    else:
        note = f": {printable(each.note)}" if each.note else ""
        words = " ".join(word for word in (_MARKS[each.state], codes, title, each.state) if word)
        click.echo(f"{words}{note}")


def preview(at: int, step: Step, *, lines: int | None = 6, err: bool = True) -> None:
    """Print a step of the plan, with what a person could run instead; a manual edit follows in full with the result."""
    action = step.action
    shown = action.preview() if action.risk is not Risk.MANUAL else ()
    undo = ", can be undone" if action.undoable else ""
    title = f"{printable(action.title())}  ({action.risk.word}{undo})"
    cures = f"  cures {', '.join(step.codes)}" if step.codes else ""
    click.echo(f"  {at}. {title}{cures}", err=err)
    for line in shown[:lines]:
        click.echo(f"       {printable(line)}", err=err)
    if lines and len(shown) > lines:
        click.echo(f"       … {len(shown) - lines} more lines: add --dry-run", err=err)


def _exact(line: str) -> str:
    """Escape all but tabs, which a diff needs to apply."""
    return "\t".join(map(printable, line.split("\t")))
