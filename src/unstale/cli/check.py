"""unstale check: look, judge, report; changes nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click

from unstale import __version__, codec
from unstale.check import catalogue
from unstale.cli.options import facts_for, left_out_by
from unstale.cli.progress import noticed
from unstale.errors import UsageError
from unstale.examine import examine
from unstale.fact import Facts, Options
from unstale.local import LocalHost
from unstale.project import Project
from unstale.recording import RecordedFacts
from unstale.redact import MASK, without_password
from unstale.render import text
from unstale.render.json import as_json
from unstale.report import Report
from unstale.settings import require_address


@click.command()
@click.argument("path", default=".")
@click.option("-C", "directory", help="Look at the project in DIR.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.option("-o", "output", type=click.Path(dir_okay=False), help="Write the report to FILE.")
@click.option("--only", default="", help="Codes or layers, separated by commas.")
@click.option("--skip", default="", help="Codes or layers to leave out.")
@click.option(
    "--fast", is_flag=True, help="No guarded import, no hashing of builds, no database copy."
)
@click.option("--strict", is_flag=True, help="A risk counts as stale.")
@click.option("--url", "urls", multiple=True, help="An address of the running app.")
@click.option("--offline", is_flag=True, help="Do not ask git remotes.")
@click.option(
    "--allow-import", is_flag=True, help="Import the app even where no kernel barrier is available."
)
@click.option(
    "--copy-limit",
    type=click.IntRange(min=0),
    default=512,
    help="Copy no database above this many MiB.",
)
@click.option("--record", type=click.Path(dir_okay=False), help="Write what was seen to FILE.")
@click.option(
    "--replay", type=click.Path(exists=True, dir_okay=False), help="Judge what FILE holds."
)
@click.option("--timings", is_flag=True, help="Say how long each look took.")
@click.option("-v", "--verbose", is_flag=True, help="Show what was proven fresh too.")
@click.option("-q", "--quiet", is_flag=True, help="Say only the verdict.")
def command(
    *,
    path: str,
    directory: str | None,
    form: str,
    output: str | None,
    only: str,
    skip: str,
    fast: bool,
    strict: bool,
    urls: tuple[str, ...],
    offline: bool,
    allow_import: bool,
    copy_limit: int,
    record: str | None,
    replay: str | None,
    timings: bool,
    verbose: bool,
    quiet: bool,
) -> int:
    """Find what is stale in the project at PATH, and prove it. Changes nothing."""
    for url in urls:
        require_address("--url", url)
    bare = tuple(map(without_password, urls))
    options = Options(fast, offline, bare, allow_import, copy_limit * 1024 * 1024)
    facts = _replayed(Path(replay)) if replay else facts_for(directory or path, options)
    left_out = left_out_by(facts, only, skip)
    with noticed(facts):
        report = examine(facts, catalogue(), left_out=left_out, strict=strict)
    if record:
        _record(Path(record), facts)
    shown = (
        json.dumps(as_json(report), indent=2)
        if form == "json"
        else _text(
            report,
            facts,
            verbose=verbose,
            quiet=quiet,
            timings=timings,
            colour=False if output else None,
        )
    )
    if output:
        _write(Path(output), shown)
    else:
        _say(shown)
    return report.exit


def _say(shown: str) -> None:
    """Print it. Whoever reads may stop early (`| head`); the verdict stands all the same."""
    try:
        click.echo(shown)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the interpreter flushes again at its end


def _write(path: Path, content: str) -> None:
    try:
        path.write_text(content + "\n", "utf-8")
    except OSError as error:
        raise UsageError(
            what=f"cannot write {path}",
            why=error.strerror or str(error),
            next="Name another file.",
        ) from None


def _record(path: Path, facts: Facts) -> None:
    document = {
        "schema": "unstale.facts/1",
        "version": __version__,
        "project": _without_values(codec.encode(facts.project)),
        "options": codec.encode(facts.options),
        "facts": facts.snapshot(),
    }
    _write(path, json.dumps(document, indent=1))


def _without_values(project: dict[str, Any]) -> dict[str, Any]:
    """Return the project without the variables that its settings give to builds and deploys: they may be secrets."""
    settings = project["settings"]
    for table in (settings["deploy"], *settings["frontends"]):
        if "env" in table:
            table["env"] = dict.fromkeys(table["env"], MASK)
    return project


def _replayed(path: Path) -> Facts:
    try:
        document: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if document["schema"] != "unstale.facts/1":
            raise KeyError(document["schema"])  # noqa: TRY301 - one message for each broken file
        project = codec.decode(Project, document["project"])
        options = codec.decode(Options, document["options"])
        facts = dict[str, Any](document["facts"])
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise UsageError(
            what=f"cannot replay {path}",
            why=f"it is no recording of unstale ({error})",
            next="Make one with --record.",
        ) from None
    return RecordedFacts(project, LocalHost(), options, facts)


def _text(
    report: Report,
    facts: Facts,
    *,
    verbose: bool,
    quiet: bool,
    timings: bool,
    colour: bool | None,
) -> str:
    lines = text.report(report, verbose=verbose, quiet=quiet, colour=colour)
    if timings:
        slowest = sorted(facts.timings.items(), key=lambda item: -item[1])
        lines += "\n\n" + "\n".join(
            f"  {seconds * 1000:7.1f} ms  {name}" for name, seconds in slowest
        )
    return lines
