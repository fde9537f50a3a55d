"""ENV001."""

from __future__ import annotations

from lab.arena import Arena


def inject(arena: Arena) -> str:
    """Install a package by hand in another version."""
    arena.stop()
    arena.install("--no-deps", "email-validator==1.3.1")
    arena.start()
    return "email-validator 1.3.1 was left in the environment; the server was restarted"


def felt(arena: Arena) -> tuple[str, bool]:
    """Return whether the server came up with it."""
    told = arena.ask("/api/resources")
    shown = f"HTTP {told.status}" if told.status else "connection refused"
    return f"GET /api/resources → {shown}", told.status == 200


def after_fix(arena: Arena) -> None:
    """Start the server, which could not come up before."""
    if arena.ask("/health").status != 200:
        arena.start()
