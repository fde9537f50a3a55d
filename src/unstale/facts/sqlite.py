"""The project's SQLite files: what each process's URL names, and what processes hold open, deleted
files included.

File header: https://sqlite.org/fileformat2.html#the_database_header.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unstale.errors import Absent
from unstale.fact import Fact, Facts
from unstale.facts.app_processes import AppProcesses
from unstale.facts.database_urls import foreign, relative, sqlite_file
from unstale.facts.processes import ProcessTable
from unstale.facts.sqlite_open import Deleted, deleted, held_databases
from unstale.facts.sqlite_places import Place, places_of
from unstale.layer import Layer

if TYPE_CHECKING:
    from unstale.host import Host

_WAL_VERSION = b"\2"  # bytes 18 and 19


@dataclass(frozen=True, slots=True)
class DatabaseFile:
    """One database file. `size` is None when nothing is there; `openers` are the pids that hold it
    open.
    """

    path: str
    size: int | None
    wal: bool
    openers: tuple[int, ...]
    places: tuple[Place, ...]

    @property
    def served(self) -> bool:
        """Return whether a running process of the project uses it."""
        return bool(self.openers) or any(place.pid is not None for place in self.places)

    def reached_from(self, directory: str) -> bool:
        """Return whether a command run in this directory comes to this very file."""
        here = Path(directory)
        return any(
            not relative(place.url)
            or (place.relative and place.base == directory)
            or str(sqlite_file(place.url, here)) == self.path
            for place in self.places
        )

    @property
    def tag(self) -> str:
        """Return the tag by which findings on this file name each other."""
        return f"database:{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Databases(Fact):
    """Every configured or open SQLite file, and the deleted ones that processes of the project
    still hold.
    """

    layer = Layer.DATABASE

    files: tuple[DatabaseFile, ...]
    deleted: tuple[Deleted, ...]

    @classmethod
    def gather(cls, facts: Facts) -> Databases:
        host, table = facts.host, facts.get(ProcessTable)
        apps = facts.maybe(AppProcesses)
        mine = (
            ()
            if apps is None
            else tuple(each for each in apps.processes if each.owner != "container")
        )
        places = tuple(places_of(facts, mine))
        held = held_databases(facts, table, mine, frozenset(each.path for each in places))
        lost = deleted(facts, table, mine, held)
        paths = dict.fromkeys(
            [place.path for place in places] + [each.target for each in held if not each.gone]
        )
        files = [_file(host, path, places, table) for path in paths]
        if not files and not lost:
            raise Absent(
                what="no database",
                why=_why_none(facts),
                next="Name it: unstale.toml [database] url",
            )
        return cls(seen_at=table.seen_at, files=tuple(files), deleted=lost)

    def summary(self) -> str:
        return ", ".join(
            f"{Path(each.path).name}{' (WAL)' if each.wal else ''}" for each in self.files
        )

    def of(self, backend: Path | None) -> tuple[DatabaseFile, ...]:
        """Return the files that the back end uses: its processes', else the configured ones.

        One that was deleted and is still in use is left to DBF002.
        """
        mine = [
            each
            for each in self.files
            if any(place.backend == backend for place in each.places)
            and self.lost(each.path) is None
        ]
        return tuple(each for each in mine if each.served) or tuple(mine)

    def lost(self, path: str) -> Deleted | None:
        """Return the deleted file that once was at this path and is still open."""
        return next((each for each in self.deleted if each.path == path), None)


def _why_none(facts: Facts) -> str:
    kinds = [each.url.partition("://")[0] for each in facts.project.databases if foreign(each.url)]
    return (
        f"only SQLite files are judged, not {kinds[0]}"
        if kinds
        else "no SQLite file is configured or open"
    )


def _file(host: Host, path: str, places: tuple[Place, ...], table: ProcessTable) -> DatabaseFile:
    seen = host.stat(path)
    here = seen is not None and seen.kind == "file"
    header = b""
    with suppress(OSError):
        header = host.read(path, 20) if here else b""
    return DatabaseFile(
        path=path,
        size=seen.size if seen is not None and here else None,
        wal=header[18:19] == _WAL_VERSION,
        openers=tuple(
            sorted({each.pid for each in table.held if each.target == path and not each.gone})
        ),
        places=tuple(place for place in places if place.path == path),
    )
