"""PYC003."""

from __future__ import annotations

from lab.arena import Arena


def inject(arena: Arena) -> str:
    """Compile a module beside its source, then delete the source."""
    source = arena.backend / "app/legacy.py"
    source.write_text("DISCOUNT = 0.5\n")
    words = (".venv/bin/python", "-m", "compileall", "-q", "-b", "app/legacy.py")
    arena.run(*words, cwd=arena.backend)
    source.unlink()
    return "app/legacy.py was deleted, its bytecode beside it was not"


def felt(arena: Arena) -> tuple[str, bool]:
    """Return whether the deleted module still imports."""
    code = "import importlib.util as u; print(bool(u.find_spec('app.legacy')))"
    imports = arena.run(".venv/bin/python", "-c", code, cwd=arena.backend).strip() == "True"
    return f"import app.legacy → {'succeeds' if imports else 'fails'}", not imports
