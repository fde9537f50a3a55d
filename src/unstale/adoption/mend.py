"""What takes a drifted database to its models: SQL by table, that a database without the drift is spared."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mend:
    """The statements for one table. They are meant for a table whose SQL is `was`: None where it is missing.

    An empty `was`: they may be run on any, because each is worded so (IF NOT EXISTS).
    """

    table: str
    was: str | None
    statements: tuple[str, ...]


def quoted(name: str) -> str:
    """Return the name as SQL."""
    return '"' + name.replace('"', '""') + '"'
