"""unstale ps: this project's processes."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from unstale.cli.options import facts_for
from unstale.errors import Unavailable
from unstale.fact import Facts
from unstale.facts.app_processes import AppProcess, AppProcesses
from unstale.facts.code import LoadedCode
from unstale.redact import printable


@click.command()
@click.argument("path", default=".")
@click.option("-C", "directory", help="The project in DIR.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def command(*, path: str, directory: str | None, form: str) -> int:
    """List what runs here: role, since when, port, owner, ours or seen, and whether its code is the files' code."""
    facts = facts_for(directory or path)
    found = facts.maybe(AppProcesses)
    rows = [_row(facts, each) for each in (found.processes if found else ())]
    if form == "json":
        click.echo(json.dumps({"schema": "unstale.ps/1", "processes": rows}, indent=2))
    elif not rows:
        click.echo("no process of this project runs")
    else:
        _table(rows)
    return 0


_COLUMNS = (
    *(("pid", 5), ("role", 6), ("since", 16), ("port", 5), ("owner", 8), ("whose", 5), ("code", 7)),
    ("command", None),
)


def _row(facts: Facts, each: AppProcess) -> dict[str, Any]:
    return {
        "pid": each.pid,
        "role": each.role,
        "program": each.program,
        "app": each.app,
        "command": printable(each.command),
        "started_at": each.started_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "ports": list(each.ports),
        "owner": each.owner,
        "standing": each.standing.value,
        "code": _code(facts, each),
    }


def _code(facts: Facts, each: AppProcess) -> str:
    """Return fresh, stale or unknown; a worker is judged with its leader."""
    try:
        code = facts.maybe(LoadedCode)
    except Unavailable:
        return "unknown"
    loaded = code.of(each.pid) if code else None
    if loaded is None:
        return "reloads" if each.reload else ""
    return "stale" if loaded.drifts else "fresh"


def _table(rows: list[dict[str, Any]]) -> None:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name, width in _COLUMNS:
        table.add_column(name, no_wrap=True, overflow="ellipsis", min_width=width)
    for row in rows:
        ports = " ".join(f":{port}" for port in row["ports"])
        cells = (str(row["pid"]), row["role"], row["started_at"][:16].replace("T", " "), ports)
        table.add_row(*cells, row["owner"], row["standing"], row["code"], row["command"])
    Console(highlight=False, markup=False).print(table)
