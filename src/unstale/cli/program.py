"""The words of the command line, and how errors leave it."""

from __future__ import annotations

import errno
import importlib
import json
import os
import sys
import traceback
from typing import Any

import click

from unstale import __version__
from unstale.errors import UnstaleError
from unstale.redact import mask, printable
from unstale.settings import nearest

COMMANDS = {
    "check": "Find what is stale, and prove it. The default.",
    "ps": "This project's processes: what each runs, since when, its port and owner.",
    "fix": "Repair what check found, with a journal and an undo.",
    "undo": "Take the last run back, or the run named.",
    "log": "What was changed, when and by whom.",
    "db": "The databases: status, backup, restore, migrate, adopt.",
    "reset": "Start from clean: everything derived is made anew, and undo brings it back.",
    "checklist": "The folk checklist and ours, each point verified now, with evidence.",
    "explain": "What a code proves and how it is repaired; also folk habits such as pip-cache.",
    "codes": "Every code with its title and kind of fix.",
    "init": "Write a commented unstale.toml from what is found here.",
}


_REFUSALS = {
    **dict.fromkeys((errno.EACCES, errno.EPERM), "Run as a user who may."),
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "Make room there."),
    errno.EROFS: "Make it writable, or name another place.",
    errno.EIO: "Look at the disk: dmesg",
}
"""What the machine refuses is no bug of ours; what to do about each."""


class _Program(click.Group):
    """Imports a command only when it is asked for; `unstale PATH` means `unstale check PATH`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"unstale.cli.{cmd_name}").command
        assert isinstance(command, click.Command)  # noqa: S101 - a bug of ours
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        word = args[0]
        if word in COMMANDS:
            return super().resolve_command(ctx, args)
        near = nearest(word, tuple(COMMANDS))
        raise click.UsageError(
            f"unknown command: {word}" + (f"; did you mean {near}?" if near else "")
        )


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="unstale %(version)s")
def program() -> None:
    """Find what is stale in a deployment, prove it, repair it with an undo."""


def run(argv: tuple[str, ...]) -> int:  # noqa: PLR0911 - one way out for each kind of error
    """Run one command line and return its exit code."""
    argv = _with_command(argv)
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - closed by `>&-`; as long as we live
    as_json = (
        "json" in [argv[at + 1] for at, word in enumerate(argv[:-1]) if word == "--format"]
        or "--format=json" in argv
    )
    try:
        result = program.main(args=list(argv), prog_name="unstale", standalone_mode=False)
    except click.exceptions.Exit as done:
        return int(done.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 130
    except click.ClickException as error:
        return _say(_usage(error), 2, as_json=as_json)
    except UnstaleError as error:
        return _say(
            {"what": error.what, "why": error.why, "next": error.next}, error.exit, as_json=as_json
        )
    except BrokenPipeError:
        sys.stdout = None  # nobody reads on; the interpreter must not flush again
        return 0
    except OSError as error:
        if error.errno not in _REFUSALS:
            return _bug(error, as_json=as_json)
        _give_up_a_full_stdout()
        what = f"cannot use {error.filename}" if error.filename else "cannot go on"
        why = error.strerror or str(error)
        return _say({"what": what, "why": why, "next": _REFUSALS[error.errno]}, 2, as_json=as_json)
    except Exception as error:  # noqa: BLE001 - the outer of the two broad nets: a bug of ours
        return _bug(error, as_json=as_json)
    return result if isinstance(result, int) else 0


def _give_up_a_full_stdout() -> None:
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the interpreter flushes again at its end


def _bug(error: Exception, *, as_json: bool) -> int:
    click.echo(mask(traceback.format_exc()), err=True)
    words = {
        "what": "unstale has a bug",
        "why": f"{type(error).__name__}: {error} (unstale {__version__}, Python {sys.version.split()[0]})",
        "next": "Report it with the lines above.",
    }
    return _say(words, 4, as_json=as_json)


def _with_command(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Insert `check` where no command is named: no words, options first, or a path that exists."""
    if not argv:
        return ("check",)
    first = argv[0]
    if first in COMMANDS or first in ("-h", "--help", "-V", "--version"):
        return argv
    if first.startswith("-") or first in (".", "..") or "/" in first:
        return ("check", *argv)
    return argv


def _usage(error: click.ClickException) -> dict[str, str]:
    return {
        "what": "the command line is not understood",
        "why": error.format_message(),
        "next": "unstale --help",
    }


def _say(words: dict[str, Any], code: int, *, as_json: bool) -> int:
    words = {key: printable(mask(str(value))) for key, value in words.items()}
    if as_json:
        click.echo(json.dumps({"schema": "unstale.error/1", **words, "exit": code}))
    else:
        click.echo(f"unstale: {words['what']}: {words['why']}\n  next: {words['next']}", err=True)
    return code
