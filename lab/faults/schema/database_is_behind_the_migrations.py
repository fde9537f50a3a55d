"""SCH001."""

from __future__ import annotations

import time

from lab.arena import Arena


def inject(arena: Arena) -> str:
    """Bring the schema of the former revision back."""
    arena.migrate("0001", "downgrade")
    return "the database of last week was brought back: it lacks user.professional_role"


def felt(arena: Arena) -> tuple[str, bool]:
    """Return whether a query works, and what the health route says."""
    time.sleep(1.1)  # /health/db keeps an answer for a second
    told, health = arena.ask("/api/resources"), arena.ask("/health/db")
    shown = f"GET /api/resources → HTTP {told.status}; /health/db says {health.body['database']}"
    return shown, told.status == 200
