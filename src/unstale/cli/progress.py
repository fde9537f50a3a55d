"""Says what is being waited for when a look takes over a second."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click

from unstale.fact import Facts

_FIRST, _NEXT = 1.0, 4.0


@contextmanager
def noticed(facts: Facts) -> Iterator[None]:
    """Name the facts that are still being gathered after 1 s and each 4 s from then on, where a person watches."""
    if sys.stderr is None or not sys.stderr.isatty():  # None: the caller closed it
        yield
        return
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(facts, done), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _watch(facts: Facts, done: threading.Event) -> None:
    wait = _FIRST
    while not done.wait(wait):
        wait = _NEXT
        if facts.running:
            click.echo(f"… still looking: {', '.join(facts.running)}", err=True)
