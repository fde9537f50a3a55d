"""PRC001."""

from __future__ import annotations

from lab.arena import Arena


def inject(arena: Arena) -> str:
    """Change and commit the name under the running server."""
    arena.age()
    arena.rename_app()
    arena.commit("another name")
    return "the name was changed and committed; nobody restarted the server"


def felt(arena: Arena) -> tuple[str, bool]:
    """Return which name the app has."""
    return arena.shown_name()
