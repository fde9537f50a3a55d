"""PYC004."""

from __future__ import annotations

from lab.arena import Arena


def inject(arena: Arena) -> str:
    """Delete a package that a source still tries to import, as git does: its bytecode stays."""
    main = arena.backend / "app/main.py"
    main.write_text(
        f"{main.read_text()}\ntry:\n    import app.plugins\nexcept ImportError:\n    pass\n"
    )
    package = arena.backend / "app/plugins"
    package.mkdir()
    (package / "__init__.py").write_text("ENABLED = True\n")
    arena.commit("plugins")
    arena.restart()
    arena.run("git", "rm", "-q", "backend/app/plugins/__init__.py", cwd=arena.root)
    arena.commit("no plugins")
    arena.restart()
    return "the package app.plugins was deleted; git left its directory with the bytecode"


def felt(arena: Arena) -> tuple[str, bool]:
    """Return whether the deleted package still imports."""
    code = "import importlib.util as u; print(bool(u.find_spec('app.plugins')))"
    imports = arena.run(".venv/bin/python", "-c", code, cwd=arena.backend).strip() == "True"
    return f"import app.plugins → {'succeeds, empty' if imports else 'fails'}", not imports
