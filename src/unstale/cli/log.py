"""unstale log: what was changed, newest last, and whether it can still be taken back."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import click

from unstale.cli.options import facts_for
from unstale.errors import UsageError
from unstale.fact import Facts
from unstale.journal import Journal, Line
from unstale.moved import former
from unstale.redact import printable
from unstale.verify import Verified, verify


@click.command()
@click.argument("run", required=False, metavar="[RUN]")
@click.option("-C", "directory", default=".", help="The project in DIR.")
@click.option(
    "--verify",
    "verifying",
    is_flag=True,
    help="Hold each step and each way back against the machine.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def command(*, run: str | None, directory: str, verifying: bool, form: str) -> int:
    """Say what was changed, when, and what became of it. Reading verifies every line's checksum.

    With --verify also that each step has its end and that what undo needs is there: exit 1 where something is not.
    """
    facts = facts_for(directory)
    journal = Journal(facts.project.state)
    lines = _lines(journal, run)
    found = verify(journal, facts.host, run) if verifying else None
    if form == "json":
        click.echo(json.dumps(_document(lines, found), indent=2))
    else:
        words = [_shown(found)] if found else list(map(_words, lines)) or [_nothing(facts)]
        if journal.torn():
            words += [
                "the last line was cut off in writing, by a crash or a full disk; the next change cuts it"
            ]
        click.echo("\n".join(words))
    return 1 if found and found.doubts else 0


def _lines(journal: Journal, run: str | None) -> tuple[Line, ...]:
    """Return all lines, or those of a run. Raises UsageError for one that the journal does not name."""
    lines = tuple(each for each in journal.lines() if run in (None, each.run))
    if run and not lines:
        raise UsageError(
            what=f"unknown run: {run}", why="the journal does not name it", next="unstale log"
        )
    return lines


def _document(lines: tuple[Line, ...], found: Verified | None) -> dict[str, Any]:
    document: dict[str, Any] = {"schema": "unstale.log/1", "lines": [_row(line) for line in lines]}
    if found is not None:
        document["verified"] = _escaped(dataclasses.asdict(found))
    return document


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
    if isinstance(value, list | tuple):
        return [_escaped(item) for item in value]
    return printable(value) if isinstance(value, str) else value


def _words(line: Line) -> str:
    keys = ("command", "by", "step", "title", "why", "verdict")
    words = [str(line.data[key]) for key in keys if key in line.data]
    words += line.data.get("pruned", ())
    if "took_s" in line.data:
        before, after = (" ".join(line.data[key]) or "no revision" for key in ("from", "to"))
        moved = before if before == after else f"{before} → {after}"
        words.append(
            f"{line.data['database']} at {moved} in {line.data['took_s']} s: {line.data['file']}"
        )
    return f"{line.at:%Y-%m-%d %H:%M:%S}  {line.run}  {line.event:<8} {printable(' '.join(words))}"


def _shown(found: Verified) -> str:
    doubts = [
        f"✗ step {each.step} of {each.run} is {each.kind}: {printable(each.because)}\n  next: {each.next}"
        for each in found.doubts
    ]
    pruned = (
        f", {found.pruned} no longer (removed to keep within the limits)" if found.pruned else ""
    )
    counted = (
        f"{found.lines} lines, {found.steps} steps, {found.undoable} can be taken back{pruned}"
    )
    return "\n".join([*doubts, f"{'✗' if doubts else '✓'} {counted}"])


def _nothing(facts: Facts) -> str:
    moved = former(facts.project, facts.host)
    if moved is None:
        return "nothing was changed yet"
    advice = f"\n  next: {moved.advice(facts.project)}" if moved.proven else ""
    return f"nothing was changed here yet; {moved.words}{advice}"
