"""DBF002."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from lab.arena import Arena


def inject(arena: Arena) -> str:
    """Delete the database under the server, and write through it."""
    before = arena.comments()
    for suffix in ("", "-wal", "-shm"):
        Path(f"{arena.database}{suffix}").unlink(missing_ok=True)
    body = {"body": "Written after the deletion."}
    told = arena.ask("/api/resources/1/comments", body, arena.sign_in())
    arena.wanted = before + (told.status == 201)
    return f"rm ai_exchange.db*, as the guide says; a comment written now is still answered with {told.status}"


def felt(arena: Arena) -> tuple[str, bool]:
    """Return whether the app and the file at the path both have every comment.

    Under load the server may open the path again meanwhile, and so leave an empty file there.
    """
    total = arena.comments() if arena.ask("/health").status == 200 else 0
    held = _in_the_file(arena.database)
    shown = f"comments: {total} in the app, {held} in ai_exchange.db, of {arena.wanted}"
    return shown, total == held == arena.wanted


def _in_the_file(path: Path) -> int:
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db,
    ):
        return int(db.execute("SELECT count(*) FROM comment WHERE resource_id = 1").fetchone()[0])
    return 0
