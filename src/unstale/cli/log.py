"""unstale log: what was changed, newest last."""

from __future__ import annotations

import json

import click

from unstale import codec
from unstale.cli.options import facts_for
from unstale.journal import Journal, Line
from unstale.redact import printable


@click.command()
@click.option("-C", "directory", default=".", help="The project in DIR.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def command(*, directory: str, form: str) -> int:
    """Say what was changed, when, and what became of it. Reading verifies every line's checksum."""
    lines = Journal(facts_for(directory).project.state).lines()
    if form == "json":
        click.echo(
            json.dumps(
                {"schema": "unstale.log/1", "lines": [codec.encode(line) for line in lines]},
                indent=2,
            )
        )
    elif not lines:
        click.echo("nothing was changed yet")
    for line in lines if form == "text" else ():
        click.echo(
            f"{line.at:%Y-%m-%d %H:%M:%S}  {line.run}  {line.event:<8} {printable(_words(line))}"
        )
    return 0


def _words(line: Line) -> str:
    data = line.data
    words = [
        str(data[key]) for key in ("command", "step", "title", "why", "verdict") if key in data
    ]
    return " ".join(words)
