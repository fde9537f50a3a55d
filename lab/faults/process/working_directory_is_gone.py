"""PRC002."""

from __future__ import annotations

from lab.arena import Arena


def inject(arena: Arena) -> str:
    """Replace the directory that the server stands in."""
    place = arena.backend / "run"
    place.mkdir()
    (arena.backend / ".env").write_text(
        (arena.backend / ".env").read_text().replace("///./", f"///{arena.backend}/")
        + f"FRONTEND_DIST={arena.frontend}/dist\n"
    )
    (place / ".env").symlink_to("../.env")
    arena.stop()
    arena.start("--app-dir", "..", cwd=place)
    (place / ".env").unlink()
    place.rmdir()
    place.mkdir()
    (place / ".env").symlink_to("../.env")
    return "rm -r backend/run && mkdir backend/run, as a deploy does, under the running server"
