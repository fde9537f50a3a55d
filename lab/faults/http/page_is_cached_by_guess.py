"""HTP001."""

from __future__ import annotations

from lab.arena import Arena

PLAIN = """\
from fastapi.staticfiles import StaticFiles

app.mount("/", StaticFiles(directory=get_settings().frontend_dist, html=True))
"""


def inject(arena: Arena) -> str:
    """Serve the front end as most apps do."""
    main = arena.backend / "app/main.py"
    text = main.read_text()
    mount = text[text.index('app.mount("/"') :]
    main.write_text(text.replace(mount, PLAIN))
    arena.commit("plain static files")
    arena.restart()
    return "the front end is served by Starlette's StaticFiles alone"


def felt(arena: Arena) -> tuple[str, bool]:
    """Return the page's rule for caches."""
    rule = arena.ask("/").headers.get("cache-control")
    return f"GET / → Cache-Control: {rule or '(none)'}", bool(rule)


def edit(arena: Arena, printed: tuple[str, ...]) -> None:
    """Put in the class that was printed, and mount it."""
    pages = "\n".join(printed[: printed.index("")])
    main = arena.backend / "app/main.py"
    mount = '\n\napp.mount("/", StaticFiles('
    main.write_text(main.read_text().replace(mount, f'\n\n{pages}\n\n\napp.mount("/", Pages('))
    arena.commit("a rule for caches")
    arena.restart()
