"""unstale explain: a code's page, or why a folk remedy does not help."""

from __future__ import annotations

import click

from unstale.check import RETIRED, by_code, catalogue
from unstale.cli.habits import HABITS
from unstale.errors import UsageError
from unstale.settings import nearest


@click.command()
@click.argument("word", metavar="CODE|HABIT")
def command(*, word: str) -> int:
    """Say what CODE proves, how it is seen and repaired; or why a HABIT such as pip-cache does not help."""
    found = by_code(word)
    if found is not None:
        click.echo(
            f"{found.code}  {found.title}\n{found.slug}, layer {found.layer.value}, since {found.since}\n\n{found.doc}"
        )
        return 0
    if word.lower() in HABITS:
        click.echo(HABITS[word.lower()].rstrip())
        return 0
    if word.upper() in RETIRED:
        click.echo(f"{word.upper()} is retired: {RETIRED[word.upper()]}")
        return 0
    near = nearest(word.upper(), tuple(each.code for each in catalogue())) or nearest(
        word.lower(), tuple(HABITS)
    )
    raise UsageError(
        what=f"nothing to explain: {word}",
        why="it is neither a code nor a habit that is known here",
        next=f"Did you mean {near}?" if near else f"unstale codes; habits: {', '.join(HABITS)}",
    )
