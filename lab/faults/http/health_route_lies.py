"""HTP012."""

from __future__ import annotations

import subprocess

from lab.arena import Arena

GUIDE = """\
from fastapi import FastAPI, HTTPException

app = FastAPI()
COLUMNS = ["id", "email"]


@app.get("/health/db")
def health_check_db():
    try:
        if "professional_role" not in COLUMNS:
            raise HTTPException(status_code=500, detail="Database schema is outdated. Run migrations.")
        return {"status": "healthy", "database": "current"}
    except Exception as e:
        return {"status": "unhealthy", "error": str(e)}, 500
"""


def inject(arena: Arena) -> str:
    """Run the guide's own route, on an outdated schema, in a second app."""
    arena.stop()
    tiny = arena.scratch / "tiny"
    (tiny / "app").mkdir(parents=True)
    (tiny / "app/__init__.py").touch()
    (tiny / "app/main.py").write_text(GUIDE)
    (tiny / "requirements.txt").write_text("fastapi\nuvicorn\n")
    (tiny / ".gitignore").write_text("__pycache__/\n.unstale/\n")
    arena.project = tiny
    arena.run("git", "init", "-q", cwd=tiny)
    arena.commit("tiny")
    arena.start(cwd=tiny)
    return "the guide's own health route, on an outdated schema, in a second app"


def felt(arena: Arena) -> tuple[str, bool]:
    """Return what the route answers."""
    told = arena.ask("/health/db")
    return f"GET /health/db → HTTP {told.status} {told.text}", told.status == 500


def edit(arena: Arena, printed: tuple[str, ...]) -> None:
    """Apply the diff that was printed."""
    patch = "\n".join(printed) + "\n"
    subprocess.run(["git", "apply"], input=patch, text=True, cwd=arena.project, check=True)
    arena.stop()
    arena.start(cwd=arena.project)
