"""PYC005."""

from __future__ import annotations

from lab.arena import Arena

PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "pricing"
version = "1.0"
"""


def inject(arena: Arena) -> str:
    """Install a package of the checkout as a copy, then edit its source."""
    source = arena.backend / "pricing"
    (source / "pricing").mkdir(parents=True)
    (source / "pyproject.toml").write_text(PROJECT)
    (source / "pricing/__init__.py").write_text("DISCOUNT = 0.5\n")
    arena.install("--no-deps", "./pricing")
    arena.restart()
    (source / "pricing/__init__.py").write_text("DISCOUNT = 0.1\n")
    arena.commit("another discount")
    return "pip install ./pricing, once; its source was edited since"


def felt(arena: Arena) -> tuple[str, bool]:
    """Return which value the environment imports."""
    code = "import pricing; print(pricing.DISCOUNT)"
    value = arena.run(str(arena.python), "-c", code, cwd=arena.scratch).strip()
    return f"pricing.DISCOUNT → {value}", value == "0.1"
