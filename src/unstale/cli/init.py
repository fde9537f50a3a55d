"""unstale init: writes down what was found, so that it can be corrected."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from unstale.cli.options import facts_for
from unstale.errors import Refused
from unstale.project import Backend, Frontend, Project
from unstale.redact import printable


@click.command()
@click.argument("path", default=".")
@click.option("-C", "directory", help="The project in DIR.")
def command(*, path: str, directory: str | None) -> int:
    """Write a commented unstale.toml from what is found; an existing one is never replaced."""
    project = facts_for(directory or path).project
    target = project.root / "unstale.toml"
    if target.exists():
        raise Refused(
            what=f"{target} is there already", why="it is never replaced", next=f"Edit {target}."
        )
    target.write_text(render(project), "utf-8")
    click.echo(printable(f"wrote {target}"))
    return 0


def render(project: Project) -> str:
    """Return the settings file for the project; every line may be deleted."""
    lines = [
        "# Settings of unstale. Every line is what was found and may be deleted.",
        "",
        "[project]",
    ]
    lines += [_line("name", printable(project.name))]
    tables = [_backend(project, each, many=len(project.backends) > 1) for each in project.backends]
    tables += [
        _frontend(project, each, many=len(project.frontends) > 1) for each in project.frontends
    ]
    if project.databases:
        tables.append(
            [
                "[database]",
                _line("url", project.databases[0].url)
                + f"   # {printable(project.relative(project.databases[0].source))}",
            ]
        )
        if project.migrations:
            tables[-1].append(_line("migrations", project.relative(project.migrations[0].config)))
    if project.compose:
        tables.append(["[docker]", _line("compose", project.relative(project.compose[0]))])
    tables.append(
        ["# [check]", '# ignore = { HTP001 = "behind our own proxy" }   # a reason is required']
    )
    return "\n".join([*lines, *("\n" + "\n".join(table) for table in tables)]) + "\n"


def _line(key: str, value: str) -> str:
    """Return one line of TOML, which is UTF-8: what is no text cannot be said in it."""
    if any("\ud800" <= each <= "\udfff" for each in value):
        return f"# {key}: {printable(value)} is not UTF-8, as this file must be"
    return f"{key} = " + json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _backend(project: Project, each: Backend, *, many: bool) -> list[str]:
    lines = [
        "[[backend]]" if many else "[backend]",
        _line("path", project.relative(each.path)),
    ]
    if each.app:
        lines.append(_line("app", each.app))
    if each.python:
        lines.append(_line("python", _from(each.path, each.python)))
    if each.env_files:
        lines.append(_line("env_file", _from(each.path, each.env_files[0])))
    return lines


def _frontend(project: Project, each: Frontend, *, many: bool) -> list[str]:
    return [
        "[[frontend]]" if many else "[frontend]",
        _line("path", project.relative(each.path)),
        _line("build", " ".join(each.build)),
        _line("dist", _from(each.path, each.dist)),
    ]


def _from(base: Path, path: Path) -> str:
    """Return the path relative to the table's own (Path.relative_to walks up only from Python 3.12 on)."""
    return os.path.relpath(path, base)
