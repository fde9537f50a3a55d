"""BLD006."""

from __future__ import annotations

import shutil

from lab.arena import Arena
from lab.faults.build.build_is_older_than_its_sources import FORMER, PRESENT


def inject(arena: Arena) -> str:
    """Serve a copy of the build, then build again."""
    shutil.copytree(arena.frontend / "dist", arena.backend / "static")
    with (arena.backend / ".env").open("a") as file:
        file.write("FRONTEND_DIST=static\n")
    with (arena.root / ".gitignore").open("a") as file:
        file.write("static/\n")
    sources = arena.frontend.glob("src/**/*.tsx")
    headline = next(path for path in sources if FORMER in path.read_text())
    headline.write_text(headline.read_text().replace(FORMER, PRESENT))
    arena.commit("better words")
    arena.run("npm", "run", "build", cwd=arena.frontend)
    arena.restart()
    return "the server serves backend/static, a copy; the build goes to frontend/dist"


def edit(arena: Arena, printed: tuple[str, ...]) -> None:
    """Serve the directory that is built."""
    if not printed[-1].startswith(f"# serve {arena.frontend}/dist"):
        raise RuntimeError(f"the edit does not name the built directory: {printed}")
    env = arena.backend / ".env"
    env.write_text(env.read_text().replace("FRONTEND_DIST=static\n", ""))
    arena.restart()
