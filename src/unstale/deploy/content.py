"""What a release holds: the project that its files make, found as that of a checkout is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unstale import settings as settings_file
from unstale.detect import project_at
from unstale.errors import Failed
from unstale.host import Host
from unstale.project import Backend, Project
from unstale.settings import Settings


@dataclass(frozen=True, slots=True)
class Content:
    """A release's project, and the back end of it that is served."""

    project: Project
    backend: Backend


def content(host: Host, release: Path, root: Path) -> Content:
    """Return it; the checkout at `root` gives the settings where the commit has none. Raises Failed without an app."""
    settings = (settings_file.load(each) for each in _settings(root))
    otherwise = next((each for each in settings if each is not None), Settings())
    project = project_at(release, host, otherwise)
    backend = next((each for each in project.backends if each.app), None)
    if backend is None:
        raise Failed(
            what="the release has nothing to serve",
            why="no back end in it makes an app",
            next='Name it in unstale.toml: [backend] app = "app.main:app"',
        )
    return Content(project, backend)


def _settings(root: Path) -> list[Path]:
    files = (root / name for name in ("unstale.toml", "pyproject.toml"))
    return [each for each in files if each.is_file()]
