"""unstale codes: the catalogue."""

from __future__ import annotations

import json
from typing import Any

import click

from unstale.check import Check, catalogue


@click.command()
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def command(*, form: str) -> int:
    """List every code with its severity, kind of fix and title."""
    if form == "json":
        click.echo(
            json.dumps(
                {"schema": "unstale.codes/1", "codes": [_row(each) for each in catalogue()]},
                indent=2,
            )
        )
        return 0
    for each in catalogue():
        click.echo(f"{each.code}  {each.severity.value:<6} {_fix(each):<10} {each.title}")
    return 0


def _row(each: Check) -> dict[str, Any]:
    return {
        "code": each.code,
        "slug": each.slug,
        "layer": each.layer.value,
        "title": each.title,
        "severity": each.severity.value,
        "fix": _fix(each),
        "risk": each.fix.risk.word,
        "since": each.since,
    }


def _fix(each: Check) -> str:
    return "manual" if each.manual else "automatic"
