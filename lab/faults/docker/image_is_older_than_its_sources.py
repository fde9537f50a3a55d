"""DKR002."""

from __future__ import annotations

from lab.arena import Arena
from lab.service import begin, felt_words


def inject(arena: Arena) -> str:
    """Commit an edit and build nothing."""
    begin(arena)
    (arena.root / "static/index.html").write_text("two\n")
    arena.commit("two")
    return "the page was changed and committed; nobody built the image"


def felt(arena: Arena) -> tuple[str, bool]:
    """Return which page the container serves."""
    return felt_words(arena, "two")
