"""The sources of a back end that set it up: the ones nearest to its top."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from unstale.detect.files import PRUNED
from unstale.host import Entry, Host

LIMIT = 500
"""How many files are read: an app is set up near its top, and a report must not wait for ten thousand files."""

_LARGEST = 200_000


def setting_up(host: Host, root: str) -> tuple[tuple[str, str], ...]:
    """Return (absolute path, text) of the Python sources nearest to the top, tests left out. Ask it by Facts.shared."""
    entries = [
        each
        for each in host.walk(root, (*PRUNED, "tests", "test"), depth=5)
        if each.kind == "file" and each.path.endswith(".py") and each.size < _LARGEST
    ]
    entries.sort(key=lambda each: (each.path.count("/"), each.path))
    return tuple(_texts(host, root, entries[:LIMIT]))


def _texts(host: Host, root: str, entries: list[Entry]) -> Iterator[tuple[str, str]]:
    for each in entries:
        with suppress(OSError):
            path = f"{root}/{each.path}"
            yield path, host.read(path).decode("utf-8", "replace")
