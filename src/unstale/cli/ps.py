"""unstale ps: this project's processes."""

from __future__ import annotations

import json
import shutil
import sys
from typing import Any

import click

from unstale.cli.options import facts_for
from unstale.errors import Unavailable
from unstale.fact import Facts
from unstale.facts.app_process import AppProcess
from unstale.facts.app_processes import AppProcesses
from unstale.facts.code import LoadedCode
from unstale.facts.history import History
from unstale.redact import printable


@click.command()
@click.argument("path", default=".")
@click.option("-C", "directory", help="The project in DIR.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def command(*, path: str, directory: str | None, form: str) -> int:
    """List what runs here: role, since when, commit, port, owner, ours or seen, and whether its code is the files'."""
    facts = facts_for(directory or path)
    found = facts.maybe(AppProcesses)
    unread = found.unread if found else ()
    history = History(facts.host, facts.project.root)
    rows = [_row(facts, history, each) for each in (found.processes if found else ())]
    if form == "json":
        click.echo(json.dumps({"schema": "unstale.ps/1", "processes": rows}, indent=2))
    elif rows:
        _table(rows)
    elif not unread:
        click.echo("no process of this project runs")
    for each in unread:
        click.echo(f"not shown: {printable(each.subject)}: {printable(each.look)}", err=True)
    return 0


def _row(facts: Facts, history: History, each: AppProcess) -> dict[str, Any]:
    return {
        "pid": each.pid,
        "role": each.role,
        "program": printable(each.program),
        "app": each.app and printable(each.app),
        "command": printable(each.command),
        "started_at": f"{each.started_at:%Y-%m-%dT%H:%M:%SZ}",
        "commit": _commit(facts, history, each),
        "ports": list(each.ports),
        "owner": each.owner,
        "standing": each.standing.value,
        "code": _code(facts, each),
    }


def _commit(facts: Facts, history: History, each: AppProcess) -> str | None:
    """Return the commit that was checked out when it began; a container's image is not the checkout."""
    if each.owner == "container":
        return None
    return history.at(facts.host.now() if each.reload else each.started_at)


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
    """Print a line a process; on a terminal the command is cut at its width."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    lines = [("pid", "role", "since", "commit", "port", "owner", "whose", "code", "command")]
    for row in rows:
        ports = " ".join(f":{port}" for port in row["ports"])
        since = row["started_at"][:16].replace("T", " ")
        lines.append(
            (
                str(row["pid"]),
                row["role"],
                since,
                (row["commit"] or "")[:7],
                ports,
                row["owner"],
                row["standing"],
                row["code"],
                row["command"],
            )
        )
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]) - 1)]
    for line in lines:
        cells = [cell.ljust(size) for cell, size in zip(line, widths, strict=False)]
        click.echo("  ".join((*cells, line[-1]))[:width])
