"""CFG002."""

from __future__ import annotations

from lab.arena import Arena


def inject(arena: Arena) -> str:
    """Start the server from a shell that exports another value."""
    with (arena.backend / ".env").open("a") as file:
        file.write("NAME=From the file\n")
    arena.restart(NAME="From the shell")
    return "NAME was set in .env; the shell that started the server exports another one"


def felt(arena: Arena) -> tuple[str, bool]:
    """Return which name the app has."""
    name = arena.ask("/api/meta").body["name"]
    return f"GET /api/meta → name {name!r}", name == "From the file"


def edit(arena: Arena, printed: tuple[str, ...]) -> None:
    """Start it from a shell without the variable."""
    if printed[0] != "unset NAME":
        raise RuntimeError(f"the edit is not to unset NAME: {printed}")
    arena.restart()
