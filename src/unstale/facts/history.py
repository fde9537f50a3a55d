"""What git says was checked out at a moment, from HEAD's reflog (gitrepository-layout(5))."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from unstale.errors import Unavailable
from unstale.facts.git import QUIET
from unstale.host import Host

_CLOSE = 2
"""Seconds after the last move within which its file was written for it, not by a later `git gc`."""


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

    def holds(self, data: bytes) -> bool:
        """Return whether some commit's file had this content: git names each by its SHA-1 (gitformat-pack(5))."""
        name = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        return (
            self._host.run(("git", "-C", self._root, "cat-file", "-e", name), env=QUIET).code == 0
        )

    def _reflog(self) -> list[tuple[float, str]]:
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
            path = done.out.rstrip("\n")
            lines = self._host.read(path).decode("utf-8", "replace").splitlines()
            written = self._host.stat(path)
        except (Unavailable, OSError):
            return []
        moves = []
        for line in lines:
            words = line.partition("\t")[0].split()
            with suppress(IndexError, ValueError):  # torn by a power cut; git skips it too
                moves.append((float(words[-2]), words[1]))
        return _dated(moves, written.mtime_ns / 1e9 if written else 0.0)

    def _show(self, commit: str, path: str) -> str | None:
        place = Path(path)
        done = self._host.run(
            ("git", "-C", str(place.parent), "show", f"{commit}:./{place.name}"), env=QUIET
        )
        return done.out if done.code == 0 else None


def _dated(moves: list[tuple[float, str]], written: float) -> list[tuple[float, str]]:
    """Give the last move its exact time: git keeps whole seconds, and a pull may follow a build within one."""
    if moves and 0 <= written - moves[-1][0] < _CLOSE:
        return [*moves[:-1], (written, moves[-1][1])]
    return moves
