"""Finds the journal of a project that was moved: its state directory is named after the root (Project.state)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unstale.errors import UnstaleError
from unstale.history import history
from unstale.host import Host
from unstale.journal import Journal
from unstale.project import Project


@dataclass(frozen=True, slots=True)
class Former:
    """Where the project was when it was changed, and where that journal is.

    `proven`: a run of it has its trash in the tree; else only the name is the same.
    """

    root: str
    state: Path
    runs: tuple[str, ...]
    proven: bool

    @property
    def words(self) -> str:
        """Return what is known of it."""
        whose = "this project's" if self.proven else "a project's of this name"
        return f"{whose} journal is in {self.state}, made in {self.root}, which is gone"

    def advice(self, project: Project) -> str:
        """Return what brings the journal and its undo back: every path in it is absolute."""
        return f"Move it back for the undo: mv {project.root} {self.root}"


def former(project: Project, host: Host) -> Former | None:
    """Return the place that a project without a journal may have been moved from: one that is gone."""
    if host.stat(str(project.state / "journal.jsonl")) is not None:
        return None
    home = project.state.parent
    names = host.names(str(home)) if host.stat(str(home)) else ()
    found = [each for name in names if (each := _former(project, host, home / name))]
    return max(found, key=lambda each: each.proven, default=None)


def _former(project: Project, host: Host, state: Path) -> Former | None:
    try:
        runs = history(Journal(state).lines()).runs
    except (UnstaleError, OSError):
        return None
    root = runs[-1].root if runs else ""
    if not root or host.stat(root) is not None:
        return None
    proven = any(host.stat(f"{project.trash}/{each.run}", follow=False) for each in runs)
    named = Path(root).name == project.root.name
    return (
        Former(root, state, tuple(each.run for each in runs), proven) if proven or named else None
    )
