"""unstale checklist: the points of a deployment, each verified now; changes nothing."""

from __future__ import annotations

import json

import click

from unstale.check import catalogue
from unstale.checklist.draw_up import drawn_up
from unstale.cli.options import facts_for, left_out_by
from unstale.cli.progress import noticed
from unstale.examine import examine
from unstale.fact import Options
from unstale.redact import without_password
from unstale.render import checklist_json, checklist_markdown, checklist_text
from unstale.settings import require_address


@click.command()
@click.argument("path", default=".")
@click.option("-C", "directory", help="The project in DIR.")
@click.option("--format", "form", type=click.Choice(["text", "markdown", "json"]), default="text")
@click.option("--url", "urls", multiple=True, help="An address of the running app.")
@click.option("--offline", is_flag=True, help="Do not ask git remotes.")
@click.option(
    "--allow-import", is_flag=True, help="Import the app even where no kernel barrier is available."
)
def command(
    *,
    path: str,
    directory: str | None,
    form: str,
    urls: tuple[str, ...],
    offline: bool,
    allow_import: bool,
) -> int:
    """Verify each point of the folk checklist and of ours, and show the evidence. Exit 1 where a point failed."""
    for url in urls:
        require_address("--url", url)
    options = Options(
        offline=offline, urls=tuple(map(without_password, urls)), allow_import=allow_import
    )
    facts = facts_for(directory or path, options)
    with noticed(facts):
        report = examine(facts, catalogue(), left_out=left_out_by(facts))
        seen = drawn_up(facts, report)
    if form == "json":
        click.echo(json.dumps(checklist_json.checklist(seen), indent=2))
    elif form == "markdown":
        click.echo(checklist_markdown.checklist(seen))
    else:
        click.echo(checklist_text.checklist(seen))
    return seen.exit
