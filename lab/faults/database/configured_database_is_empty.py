"""DBF016."""

from __future__ import annotations

from pathlib import Path

from lab.arena import Arena


def inject(arena: Arena) -> str:
    """Empty the database file, and start."""
    arena.stop()
    for suffix in ("-wal", "-shm"):
        Path(f"{arena.database}{suffix}").unlink(missing_ok=True)
    arena.database.write_bytes(b"")
    arena.start()
    return ": > ai_exchange.db, and a restart"


def felt(arena: Arena) -> tuple[str, bool]:
    """Return whether a query works."""
    told = arena.ask("/api/resources")
    return f"GET /api/resources → HTTP {told.status}", told.status == 200
