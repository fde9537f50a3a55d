"""The project's files, from one walk that leaves out what is derived."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from unstale.host import Host

PRUNED = (
    *(".git", "node_modules", "__pycache__", ".unstale", ".venv", "venv", ".tox", ".nox", ".next"),
    *("site-packages", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".idea", ".vscode"),
)
ENTRY_NAMES = frozenset({"main.py", "app.py", "wsgi.py", "asgi.py"})
_SOURCES = 500


@dataclass(frozen=True, slots=True)
class Files:
    """Paths relative to the root, tests and the like left out, and the door by which they are read."""

    root: Path
    paths: tuple[str, ...]
    host: Host

    def text(self, path: Path, limit: int = 400_000) -> str:
        """Return the file's text, "" where it cannot be read: then it says nothing of what is here."""
        with suppress(OSError):
            return self.host.read(str(path), limit).decode("utf-8", "replace")
        return ""

    def named(self, *names: str) -> list[Path]:
        """Return the files of these names."""
        return [self.root / path for path in self.paths if name_of(path) in names]

    def sources(self, place: Path) -> list[Path]:
        """Return the Python files below, nearest to the top and likeliest name first; at most 500."""
        if not place.is_relative_to(self.root):
            return []
        prefix = "" if place == self.root else f"{place.relative_to(self.root)}/"
        found = [path for path in self.paths if path.endswith(".py") and path.startswith(prefix)]
        found.sort(key=lambda path: (path.count("/"), name_of(path) not in ENTRY_NAMES, path))
        return [self.root / path for path in found[:_SOURCES]]


def name_of(path: str) -> str:
    """Return the last part of a relative path."""
    return path.rpartition("/")[2]
