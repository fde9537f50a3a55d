"""What is here: the project's root, its parts and its settings."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from unstale.settings import Settings


@dataclass(frozen=True, slots=True)
class Backend:
    """A Python web app. Paths are absolute; `app` is "module:attribute" when found; `python` a venv's interpreter.

    `kind` is fastapi, starlette, django, flask or python. `env_files` are the dotenv files it reads, in order.
    """

    path: Path
    kind: str
    app: str | None = None
    python: Path | None = None
    env_files: tuple[Path, ...] = ()
    requirements: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Frontend:
    """A package.json with a build script. `dist` is where the build goes, whether it exists or not."""

    path: Path
    kind: str
    build: tuple[str, ...]
    dist: Path
    packager: str = "npm"


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """A configured database: the URL without its password, and the file or setting that says so."""

    url: str
    source: str
    backend: Path | None = None


@dataclass(frozen=True, slots=True)
class Migrations:
    """A migration history: `kind` is alembic or django; `config` alembic.ini or the settings module's file.

    Without `versions` the configuration is damaged.
    """

    kind: str
    config: Path
    versions: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Project:
    """Everything that looking at files alone tells. Paths are absolute."""

    root: Path
    name: str
    git: bool = False
    backends: tuple[Backend, ...] = ()
    frontends: tuple[Frontend, ...] = ()
    databases: tuple[DatabaseUrl, ...] = ()
    migrations: tuple[Migrations, ...] = ()
    compose: tuple[Path, ...] = ()
    dockerfiles: tuple[Path, ...] = ()
    settings: Settings = field(default_factory=Settings)
    worktrees: tuple[Path, ...] = ()

    def relative(self, path: str | Path) -> str:
        """Return the path relative to the root where it lies inside, else unchanged."""
        try:
            return str(Path(path).relative_to(self.root))
        except ValueError:
            return str(path)

    def contains(self, path: str | Path) -> bool:
        """Return whether the path lies in the project, by name alone, and not in another work tree below it."""
        place = Path(path)
        return place.is_relative_to(self.root) and not any(
            map(place.is_relative_to, self.worktrees)
        )

    @property
    def parts(self) -> tuple[tuple[str, str], ...]:
        """Return (kind, relative path) of each part, for reports."""
        return (
            *((part.kind, self.relative(part.path)) for part in self.backends),
            *((part.kind, self.relative(part.path)) for part in self.frontends),
            *(("compose", self.relative(path)) for path in self.compose),
        )

    @property
    def trash(self) -> Path:
        """Return where replaced files go: inside the tree, because a rename needs the same filesystem."""
        return self.root / ".unstale" / "trash"

    @property
    def state(self) -> Path:
        """Return where journal, lock and backups live: outside the tree, out of reach of git clean."""
        chosen = self.settings.project.get("state")
        if chosen:
            return (self.root / str(chosen)).resolve()
        home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
        mark = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:8]
        return Path(home) / "unstale" / f"{self.name}-{mark}"
