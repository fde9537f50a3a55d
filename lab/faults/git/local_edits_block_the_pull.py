"""GIT004."""

from __future__ import annotations

from lab.arena import Arena
from lab.upstream import push_from_elsewhere


def inject(arena: Arena) -> str:
    """Edit here what a push from elsewhere changes too."""
    push_from_elsewhere(arena, {"README.md": "rewritten elsewhere\n"})
    arena.run("git", "fetch", "-q", cwd=arena.root)
    (arena.root / "README.md").write_text("a hot fix, never committed\n")
    return "README.md was edited on the server, and upstream changes it too"
