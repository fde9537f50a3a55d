"""DBF007."""

from __future__ import annotations

from lab.arena import Arena


def inject(arena: Arena) -> str:
    """Start the server in another directory, where the relative URL names another file."""
    (arena.root / ".env").write_text((arena.backend / ".env").read_text())
    (arena.root / "frontend-dist").symlink_to("frontend/dist")
    arena.stop()
    arena.start("--app-dir", "backend", cwd=arena.root, FRONTEND_DIST="frontend/dist")
    arena.ask("/api/resources")
    return "the server was started in the root, so ./ai_exchange.db is a second, empty file"


def felt(arena: Arena) -> tuple[str, bool]:
    """Return whether the data is there."""
    told = arena.ask("/api/resources")
    return f"GET /api/resources → HTTP {told.status}", told.status == 200


def edit(arena: Arena, printed: tuple[str, ...]) -> None:
    """Write the absolute URL that was printed, where it was printed to be written."""
    former, present = (line[2:] for line in printed)
    for env in (arena.root / ".env", arena.backend / ".env"):
        env.write_text(env.read_text().replace(former, present))
    arena.stop()
    arena.start("--app-dir", "backend", cwd=arena.root, FRONTEND_DIST="frontend/dist")
