"""BLD002."""

from __future__ import annotations

import re

from lab.arena import Arena

TITLE = "Knowledge Exchange"


def inject(arena: Arena) -> str:
    """Write a variable that the build bakes in, after the build."""
    (arena.frontend / ".env").write_text(f"VITE_APP_TITLE={TITLE}\n")
    return "VITE_APP_TITLE was changed in .env; nobody built the front end"


def felt(arena: Arena) -> tuple[str, bool]:
    """Return whether the title is in the bundle that the browser gets."""
    scripts = re.findall(r'src="(/assets/[^"]+\.js)"', arena.ask("/").text)
    present = any(TITLE in arena.ask(path).text for path in scripts)
    return f"GET / → the {'new' if present else 'old'} title", present
