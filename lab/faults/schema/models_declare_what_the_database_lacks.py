"""SCH006."""

from __future__ import annotations

from lab.arena import Arena


def inject(arena: Arena) -> str:
    """Add a field to a model and write no revision."""
    models = arena.backend / "app/models.py"
    text = models.read_text()
    models.write_text(
        text.replace(
            "    url: str | None = None\n",
            "    url: str | None = None\n    rating: int | None = None\n",
        )
    )
    arena.commit("ratings")
    arena.restart()
    return "the model Resource has a new field; nobody wrote a migration"


def felt(arena: Arena) -> tuple[str, bool]:
    """Return whether a query works."""
    told = arena.ask("/api/resources")
    return f"GET /api/resources → HTTP {told.status}", told.status == 200


def edit(arena: Arena, printed: tuple[str, ...]) -> None:
    """Write the revision and apply it, as printed."""
    write, apply = printed
    words = write.replace("'", "").split()
    arena.run(".venv/bin/python", "-m", *words[:6], "ratings", cwd=arena.backend)
    arena.commit("revision")
    done = arena.unstale(*apply.split()[1:], "--yes")
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)
