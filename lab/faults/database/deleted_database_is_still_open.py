"""DBF002."""

from __future__ import annotations

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
    """Return whether the file is there, and every comment with it."""
    here = arena.database.exists()
    total = arena.comments() if arena.ask("/health").status == 200 else 0
    shown = f"ai_exchange.db {'is there' if here else 'is gone'}"
    return f"{shown}; comments: {total} of {arena.wanted}", here and total == arena.wanted
