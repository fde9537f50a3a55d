"""What several commands share: where the project is, which codes are meant, how to ask for consent."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from unstale.check import Check, catalogue
from unstale.detect import find_project
from unstale.errors import Refused, UsageError
from unstale.fact import Facts, Options
from unstale.layer import Layer
from unstale.local import LocalHost
from unstale.redact import printable
from unstale.settings import nearest


def facts_for(path: str, options: Options | None = None, *, changing: bool = False) -> Facts:
    """Return empty facts for the project at the path. Raises UsageError."""
    host = LocalHost(changing=changing)
    return Facts(find_project(Path(path), host), host, options)


def say(words: str) -> None:
    """Tell on standard error what is being done."""
    click.echo(f"… {printable(words)}", err=True)


def selection(text: str) -> frozenset[str]:
    """Return the codes and layers in a comma-separated list. Raises UsageError naming the nearest known word."""
    words = frozenset(word.strip().upper() for word in text.split(",") if word.strip())
    known = (*(each.code for each in catalogue()), *(layer.value for layer in Layer))
    for word in sorted(words):
        if word not in known:
            near = nearest(word, known)
            raise UsageError(
                what=f"unknown code or layer: {word}",
                why="it is not in the catalogue",
                next=f"Did you mean {near}?" if near else "unstale codes",
            )
    return words


def left_out_by(facts: Facts, only: str = "", skip: str = "") -> dict[str, str]:
    """Return code → what leaves it out; settings count as a flag."""
    wanted, unwanted = selection(only), selection(skip)
    by_settings = selection(",".join(facts.project.settings.check.get("skip", [])))

    def named(check: Check, words: frozenset[str]) -> bool:
        return bool({check.code, check.layer.value} & words)

    left_out = {each.code: "--only" for each in catalogue() if wanted and not named(each, wanted)}
    left_out |= {each.code: "settings" for each in catalogue() if named(each, by_settings)}
    return left_out | {each.code: "--skip" for each in catalogue() if named(each, unwanted)}


def consent(question: str, *, yes: bool) -> None:
    """Ask on a terminal; elsewhere raise Refused unless --yes was given."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Refused(
            what="nothing was changed",
            why="this needs consent and there is no terminal",
            next="Add --yes.",
        )
    if not click.confirm(question, default=False, err=True):
        raise Refused(
            what="nothing was changed", why="you said no", next="Run it again when ready."
        )
