"""DKR001."""

from __future__ import annotations

from lab.arena import Arena
from lab.service import begin, felt_words


def inject(arena: Arena) -> str:
    """Build again, and restart instead of replacing."""
    begin(arena)
    (arena.root / "static/index.html").write_text("two\n")
    arena.commit("two")
    arena.compose("build", "-q")
    arena.compose("restart", "-t", "1")
    return "the image was built again; docker-compose restart keeps the former one"


def felt(arena: Arena) -> tuple[str, bool]:
    """Return which page the container serves."""
    return felt_words(arena, "two")
