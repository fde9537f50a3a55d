"""PYC001."""

from __future__ import annotations

import os

from lab.arena import Arena


def inject(arena: Arena) -> str:
    """Change a source to equal length within the second of its last save."""
    arena.stop()
    source = arena.backend / "app/settings.py"
    arena.run(".venv/bin/python", "-c", "import app.settings", cwd=arena.backend)
    seen = source.stat()
    arena.rename_app()
    os.utime(source, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    arena.start()
    return "the name was changed within the second of the last save, and the server restarted"


def felt(arena: Arena) -> tuple[str, bool]:
    """Return which name the app has."""
    return arena.shown_name()
