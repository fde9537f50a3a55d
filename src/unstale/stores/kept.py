"""The backups that are kept in the state directory, told by the notes beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unstale.stores.note import Note, note_of

if TYPE_CHECKING:
    from unstale.host import Host


@dataclass(frozen=True, slots=True)
class Kept:
    """One backup file, and the run that made it."""

    path: str
    run: str
    note: Note


def kept(host: Host, state: Path, label: str) -> tuple[Kept, ...]:
    """Return the backups of a database, newest first; only those that are there."""
    place = state / "backups"
    if host.stat(str(place)) is None:
        return ()
    found = []
    for entry in host.walk(str(place), depth=3):
        path = f"{place}/{entry.path.removesuffix('.json')}"
        if entry.path.endswith(".json") and host.stat(path) is not None:
            note = note_of(host, path)
            if note is not None and note.label == label:
                found.append(Kept(path, entry.path.partition("/")[0], note))
    return tuple(sorted(found, key=lambda each: each.note.taken_at, reverse=True))
