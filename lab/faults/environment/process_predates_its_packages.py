"""ENV008."""

from __future__ import annotations

from lab.arena import Arena


def inject(arena: Arena) -> str:
    """Install a package anew under the running server."""
    arena.age()
    arena.install("--no-deps", "--reinstall-package", "click", arena.locked("click"))
    return "a package was installed again while the server ran"
