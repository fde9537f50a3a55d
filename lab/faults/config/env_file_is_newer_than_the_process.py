"""CFG001."""

from __future__ import annotations

from lab.arena import Arena


def inject(arena: Arena) -> str:
    """Add a key to .env under the running server."""
    arena.age()
    with (arena.backend / ".env").open("a") as file:
        file.write("ALLOWED_EMAIL_DOMAINS=example.org\n")
    return "ALLOWED_EMAIL_DOMAINS was added to .env; nobody restarted the server"


def felt(arena: Arena) -> tuple[str, bool]:
    """Return which domains may register."""
    domains = arena.ask("/api/meta").body["allowed_domains"]
    return f"GET /api/meta → allowed_domains {domains}", domains == ["example.org"]
