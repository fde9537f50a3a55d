"""What git says was checked out at a moment, from HEAD's reflog (gitrepository-layout(5))."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from unstale.errors import Unavailable
from unstale.facts.git import QUIET
from unstale.host import Host


class History:
    """The checkout over time; without git it knows nothing, and says so."""

    def __init__(self, host: Host, root: Path) -> None:
        self._host = host
        self._root = str(root)
        self._moves = self._reflog()
        self._texts: dict[tuple[str, str], str | None] = {}

    def content(self, path: str, moment: datetime) -> str | None:
        """Return the file's text in the commit of that moment, None when git cannot know."""
        commit = self.at(moment)
        if commit is None:
            return None
        key = (commit, path)
        if key not in self._texts:
            self._texts[key] = self._show(commit, path)
        return self._texts[key]

    def moved(self, moment: datetime) -> str | None:
        """Return "OLD NEW" when HEAD moved since, by other content or not."""
        commit = self.at(moment)
        if commit is None or not self._moves or self._moves[-1][1] == commit:
            return None
        return f"{commit[:10]} {self._moves[-1][1][:10]}"

    def at(self, moment: datetime) -> str | None:
        """Return the commit that HEAD named then; None before the first entry, which proves nothing."""
        before = [commit for when, commit in self._moves if when <= moment.timestamp()]
        return before[-1] if before else None

    def _reflog(self) -> list[tuple[int, str]]:
        try:
            done = self._host.run(
                (
                    "git",
                    "-C",
                    self._root,
                    "rev-parse",
                    "--path-format=absolute",
                    "--git-path",
                    "logs/HEAD",
                ),
                env=QUIET,
            )
            lines = self._host.read(done.out.rstrip("\n")).decode("utf-8", "replace").splitlines()
        except (Unavailable, OSError):
            return []
        moves = []
        for line in lines:
            words = line.partition("\t")[0].split()
            moves.append((int(words[-2]), words[1]))
        return moves

    def _show(self, commit: str, path: str) -> str | None:
        place = Path(path)
        done = self._host.run(
            ("git", "-C", str(place.parent), "show", f"{commit}:./{place.name}"), env=QUIET
        )
        return done.out if done.code == 0 else None
