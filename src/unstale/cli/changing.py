"""What the commands that change something share: the lock, what was killed before, the limits at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from unstale.cli.options import say
from unstale.fact import Facts
from unstale.journal import locked
from unstale.perform import Run
from unstale.prune import prune
from unstale.recover import recover
from unstale.redact import printable


@contextmanager
def changing(facts: Facts, command: str) -> Iterator[None]:
    """Hold the project's lock, and first decide what an interrupted run left. Raises Locked."""
    with locked(facts.project.state, command, facts.host.now()):
        for told in recover(facts, say):
            click.echo(f"! {printable(told)}", err=True)
        yield


def finish(facts: Facts, run: Run, **data: str) -> None:
    """Write the run's end, and remove what is over the limits. Call it under the lock."""
    run.journal.append(facts.host.now(), run.id, "end", data)
    for told in prune(facts, run):
        say(told)
