"""Finds what a project is made of by looking at its files; settings win over what is found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from unstale import settings as settings_file
from unstale.detect.backend import backends
from unstale.detect.database import databases, migrations
from unstale.detect.files import PRUNED, Files, name_of
from unstale.detect.frontend import frontends
from unstale.errors import UsageError
from unstale.host import Entry, Host
from unstale.project import Project
from unstale.settings import Settings

_ELSEWHERE = frozenset(
    {"tests", "test", "docs", "examples", "bench", "lab", "dist", "build", "fixtures", "templates"}
)
_COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")


def find_project(start: Path, host: Host) -> Project:
    """Return the project that `start` lies in. Raises UsageError when there is none."""
    start = _resolved(start)
    try:
        if not start.is_dir():
            raise UsageError(
                what="no project here", why=f"{start} is not a directory", next="Name a directory."
            )
        root, settings = _root(start)
        entries = host.walk(str(root), PRUNED, depth=4)
        project = _project(root, settings, entries, host)
    except OSError as error:
        raise UsageError(
            what=f"cannot look at {error.filename or start}",
            why=error.strerror or str(error),
            next="Run as a user who may read it."
            if isinstance(error, PermissionError)
            else "Name a directory.",
        ) from None
    parts = (project.backends, project.frontends, project.compose, project.migrations)
    if settings.source is None and not project.git and not any(parts):
        raise UsageError(
            what="no project here",
            why=f"{start} holds no settings, no git checkout, no back end, no front end and no compose file",
            next="Go to the project, or name it: unstale check PATH",
        )
    return project


def project_at(root: Path, host: Host, otherwise: Settings) -> Project:
    """Return the project whose root is exactly this directory, as that of a release is.

    `otherwise` are the settings where it has none of its own. Raises OSError, UsageError.
    """
    files = [root / name for name in ("unstale.toml", "pyproject.toml")]
    loaded = (settings_file.load(each) for each in files if each.is_file())
    settings = next((each for each in loaded if each is not None), otherwise)
    return _project(root, settings, host.walk(str(root), PRUNED, depth=4), host)


def _resolved(start: Path) -> Path:
    try:
        return start.resolve()
    except FileNotFoundError:
        raise UsageError(
            what="no project here",
            why="the directory that you stand in was deleted",
            next="Go to one that is there, or name it: unstale check -C DIR",
        ) from None
    except (OSError, RuntimeError):  # RuntimeError until Python 3.12: a symbolic link to itself
        raise UsageError(
            what="no project here",
            why=f"{start} is a symbolic link that leads back to itself",
            next="Name a directory.",
        ) from None


def _root(start: Path) -> tuple[Path, Settings]:
    for directory in (start, *start.parents):
        for name in ("unstale.toml", "pyproject.toml"):
            if (directory / name).is_file():
                found = settings_file.load(directory / name)
                if found is not None:
                    return directory, found
    for directory in (start, *start.parents):
        if (directory / ".git").exists():
            return directory, Settings()
    return start, Settings()


def _project(root: Path, settings: Settings, entries: tuple[Entry, ...], host: Host) -> Project:
    worktrees = tuple(_worktrees(root, entries, host))
    others = tuple(f"{each.relative_to(root)}/" for each in worktrees)
    paths = tuple(
        entry.path
        for entry in entries
        if entry.kind == "file" and not _elsewhere(entry.path) and not entry.path.startswith(others)
    )
    files = Files(root, paths, host)
    found = tuple(backends(files, settings))
    return Project(
        root=root,
        name=str(settings.project.get("name") or root.name or "root"),
        git=(root / ".git").exists() or _inside_git(root),
        backends=found,
        frontends=tuple(frontends(files, settings)),
        databases=tuple(databases(files, settings, found)),
        migrations=tuple(migrations(files, settings)),
        compose=tuple(_compose(files, settings)),
        dockerfiles=tuple(root / path for path in paths if name_of(path).startswith("Dockerfile")),
        settings=settings,
        worktrees=worktrees,
    )


def _worktrees(root: Path, entries: tuple[Entry, ...], host: Host) -> Iterator[Path]:
    """Yield the work trees below: other checkouts of the same repository (gitrepository-layout(5), gitfile)."""
    links = tuple(
        entry.path for entry in entries if entry.kind == "file" and entry.path.endswith("/.git")
    )
    files = Files(root, links, host)
    for place in files.named(".git"):
        if "/worktrees/" in files.text(place, 4096):
            yield place.parent


def _elsewhere(path: str) -> bool:
    return not _ELSEWHERE.isdisjoint(path.split("/")[:-1])


def _inside_git(root: Path) -> bool:
    return any((parent / ".git").exists() for parent in root.parents)


def _compose(files: Files, settings: Settings) -> list[Path]:
    named = settings.docker.get("compose")
    return [files.root / str(named)] if named else files.named(*_COMPOSE)
