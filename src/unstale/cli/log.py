"""unstale log: what was changed, newest last."""

from __future__ import annotations

import json
from typing import Any

import click

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
        document = {"schema": "unstale.log/1", "lines": [_row(line) for line in lines]}
        click.echo(json.dumps(document, indent=2))
    elif not lines:
        click.echo("nothing was changed yet")
    for line in lines if form == "text" else ():
        click.echo(
            f"{line.at:%Y-%m-%d %H:%M:%S}  {line.run}  {line.event:<8} {printable(_words(line))}"
        )
    return 0


def _row(line: Line) -> dict[str, Any]:
    return {
        "seq": line.seq,
        "at": f"{line.at:%Y-%m-%dT%H:%M:%SZ}",
        "run": line.run,
        "event": line.event,
        "data": _escaped(line.data),
    }


def _escaped(value: Any) -> Any:
    """Return the value with every text printable: a lone surrogate is no JSON to many readers."""
    if isinstance(value, dict):
        return {key: _escaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    return printable(value) if isinstance(value, str) else value


def _words(line: Line) -> str:
    data = line.data
    words = [
        str(data[key])
        for key in ("command", "by", "step", "title", "why", "verdict")
        if key in data
    ]
    if "took_s" in data:
        before, after = (" ".join(data[key]) or "no revision" for key in ("from", "to"))
        moved = before if before == after else f"{before} → {after}"
        words.append(f"{data['database']} at {moved} in {data['took_s']} s: {data['file']}")
    return " ".join(words)
