"""SCH007."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from lab.arena import Arena


def inject(arena: Arena) -> str:
    """Store a role that the code does not know."""
    _execute(arena, "UPDATE user SET professional_role = 'Engineer' WHERE id = 1")
    return "a role was set by hand to its label 'Engineer', where the name ENGINEER is stored"


def felt(arena: Arena) -> tuple[str, bool]:
    """Return whether that person's resources can be read."""
    told = arena.ask("/api/resources")
    return f"GET /api/resources → HTTP {told.status}", told.status == 200


def edit(arena: Arena, printed: tuple[str, ...]) -> None:
    """Run the UPDATE that was printed."""
    _execute(arena, printed[0].partition("--")[0])


def _execute(arena: Arena, statement: str) -> None:
    with closing(sqlite3.connect(arena.database)) as database, database:
        database.execute(statement)
