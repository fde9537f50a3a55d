"""Which back end a migration history belongs to; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from unstale.project import Migrations, Project


def owner(project: Project, each: Migrations) -> Path | None:
    """Return the back end whose directory holds the configuration, or the only one."""
    holding = [back.path for back in project.backends if each.config.is_relative_to(back.path)]
    if holding:
        return max(holding, key=lambda path: len(path.parts))
    return project.backends[0].path if len(project.backends) == 1 else None
