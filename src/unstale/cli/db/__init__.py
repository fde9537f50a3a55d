"""unstale db: the project's databases, one module a command."""

from __future__ import annotations

import importlib

import click

from unstale.settings import nearest

COMMANDS = {
    "status": "What each database is, its revision, its backups, and who holds it.",
    "backup": "Make a verified online backup.",
    "restore": "Bring a backup back; the replaced database is kept.",
    "migrate": "Lint, rehearse on a copy, back up, migrate, prove.",
    "adopt": "Put a database that create_all made under Alembic, without changing a row.",
}


class _Databases(click.Group):
    """Imports a command only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"unstale.cli.db.{cmd_name}").command
        assert isinstance(command, click.Command)  # noqa: S101 - a bug of ours
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS:
            near = nearest(args[0], tuple(COMMANDS))
            more = f"; did you mean {near}?" if near else ""
            raise click.UsageError(f"unknown command: db {args[0]}{more}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Databases, invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Look after the project's databases."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
