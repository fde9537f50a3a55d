"""Where releases live: `<home>/releases/<id>/`, and beside them what outlives each of them."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from unstale.errors import Failed, UsageError
from unstale.host import Host
from unstale.project import Project

MARKER = "BUILDING"
"""The file that says that a release is not whole. It is removed last."""

MANIFEST = "manifest.json"
SOCKET_PATH = 107
"""Bytes that the path of a unix socket may have (unix(7): sun_path holds 108, the last one zero)."""

_DEFAULT = ".unstale/site"
_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{7}")
_SHORT = 7
_SOCKET_NAME = 40
"""Bytes that are kept free for a socket's own name: a release id, a word, a number."""


@dataclass(frozen=True, slots=True)
class Home:
    """A deploy home by its absolute path. Whoever runs the app must be able to read releases, and nothing else."""

    path: Path

    @property
    def releases(self) -> Path:
        """Return where the releases are."""
        return self.path / "releases"

    @property
    def shared(self) -> Path:
        """Return where a person may put what is linked into releases."""
        return self.path / "shared"

    @property
    def assets(self) -> Path:
        """Return the union of hashed assets."""
        return self.path / "assets"

    @property
    def state(self) -> Path:
        """Return where it is written what runs."""
        return self.path / "state"

    @property
    def logs(self) -> Path:
        """Return where servers write."""
        return self.path / "logs"

    @property
    def runner(self) -> Path:
        """Return where the versions of the runner are."""
        return self.path / "runner"

    def release(self, name: str) -> Path:
        """Return the directory of a release, there or not."""
        return self.releases / name

    def marker(self, name: str) -> Path:
        """Return the file that says that the release is not whole."""
        return self.releases / name / MARKER

    def environment(self, name: str) -> Path:
        """Return the release's virtual environment."""
        return self.releases / name / ".venv"

    def holds(self, path: str) -> str | None:
        """Return the path inside of its release, None for what lies in no release."""
        place = Path(path)
        if not place.is_relative_to(self.releases):
            return None
        inside = place.relative_to(self.releases).parts[1:]
        return "/".join(inside) if inside else None


def home_of(project: Project) -> Home:
    """Return the project's home: `[deploy] home`, relative to the root. Raises UsageError where it cannot be one."""
    said = project.settings.deploy.get("home", _DEFAULT)
    if not isinstance(said, str) or not said:
        raise UsageError(
            what=f"cannot use {project.settings.source}",
            why="home in [deploy] is no path",
            next=f'Write home = "{_DEFAULT}".',
        )
    place = Path(os.path.normpath(project.root / Path(said).expanduser()))
    if project.root == place or project.root.is_relative_to(place):
        raise UsageError(
            what=f"cannot use {place} as the home of releases",
            why="the project itself lies in it",
            next=f'Write home = "{_DEFAULT}".',
        )
    if place.is_relative_to(project.root) and ".unstale" not in place.parts:
        raise UsageError(
            what=f"cannot use {place} as the home of releases",
            why="it is in the checkout, whose code the releases would then seem to be",
            next=f'Name a directory elsewhere, or write home = "{_DEFAULT}".',
        )
    return Home(place)


def is_id(name: str) -> bool:
    """Return whether it is the name of a release: "20261125-101530-a1b2c3d"."""
    return _ID.fullmatch(name) is not None


def new_id(host: Host, home: Home, commit: str) -> str:
    """Return a name that sorts after every release that is there, whatever the clock says, and names the commit."""
    there = host.names(str(home.releases)) if host.stat(str(home.releases)) else ()
    now = host.now()
    taken = max((each[:15] for each in there if is_id(each[:23])), default="")
    if f"{now:%Y%m%d-%H%M%S}" <= taken:
        now = datetime.strptime(f"{taken}+0000", "%Y%m%d-%H%M%S%z") + timedelta(seconds=1)
    return f"{now:%Y%m%d-%H%M%S}-{commit[:_SHORT]}"


def runtime_directory(host: Host, home: Home) -> Path:
    """Make, and return, a directory of ours alone whose path is short enough for sockets.

    It is in the home where that is short, else in /run or /tmp: XDG_RUNTIME_DIR is gone when the user has logged out
    (pam_systemd(8)), and a unit with PrivateTmp= has another /tmp. Raises Failed when somebody else owns the place.
    """
    mark = hashlib.sha256(os.fsencode(home.path)).hexdigest()[:12]
    base = Path("/run") if os.geteuid() == 0 else Path("/tmp")  # noqa: S108 - what is there is proven to be ours
    name = f"unstale-{os.geteuid()}-{mark}"
    inside = home.state / "run"
    short = len(os.fsencode(inside)) + 1 + _SOCKET_NAME <= SOCKET_PATH
    place = inside if short else base / name
    host.makedirs(str(place), 0o700)
    seen = host.stat(str(place), follow=False)
    if seen is None or (seen.kind, seen.uid, seen.mode) != ("dir", os.geteuid(), 0o700):
        raise Failed(
            what=f"{place} cannot hold sockets",
            why="it is no directory of ours alone",
            next=f"Look at it: ls -ld {place}",
        )
    return place
