"""GIT002."""

from __future__ import annotations

from lab.arena import Arena
from lab.upstream import push_from_elsewhere


def inject(arena: Arena) -> str:
    """Commit and push from a second clone."""
    push_from_elsewhere(arena, {"NEWS.md": "merged elsewhere\n"})
    return "somebody merged a change; this checkout was never pulled"
