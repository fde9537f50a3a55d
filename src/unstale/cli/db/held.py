"""The lock of the database commands; what a kill left open is decided before anything else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from unstale.decide import decide
from unstale.fact import Facts
from unstale.journal import Journal, locked
from unstale.redact import printable


@contextmanager
def settled(facts: Facts, why: str) -> Iterator[None]:
    """Hold the project's lock, and decide the steps that were cut off. Raises Locked."""
    with locked(facts.project.state, why, facts.host.now()):
        for words in decide(facts, Journal(facts.project.state)):
            click.echo(f"… {printable(words)}", err=True)
        yield
