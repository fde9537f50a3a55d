"""BLD001."""

from __future__ import annotations

import re

from lab.arena import Arena

FORMER, PRESENT = "passed on.", "handed on."


def inject(arena: Arena) -> str:
    """Change the headline and build nothing."""
    sources = arena.frontend.glob("src/**/*.tsx")
    headline = next(path for path in sources if FORMER in path.read_text())
    headline.write_text(headline.read_text().replace(FORMER, PRESENT))
    arena.commit("better words")
    return "the headline was changed and committed; nobody built the front end"


def felt(arena: Arena) -> tuple[str, bool]:
    """Return which headline the browser gets."""
    scripts = re.findall(r'src="(/assets/[^"]+\.js)"', arena.ask("/").text)
    present = any(PRESENT in arena.ask(path).text for path in scripts)
    return f"GET / → the {'new' if present else 'old'} headline", present
