"""What lies beside each backup: of which database it is, what is in it, and when that was verified."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from unstale import codec
from unstale.store import Digest

if TYPE_CHECKING:
    from unstale.host import Host

_DIGEST = "restored.json"


@dataclass(frozen=True, slots=True)
class Note:
    """One backup. `rows` by table, `size` in bytes; `sum` is the SHA-256 of its file."""

    kind: str
    label: str
    taken_at: datetime
    verified_at: datetime
    revisions: tuple[str, ...]
    rows: dict[str, int]
    size: int
    sum: str


def write_note(host: Host, target: str, note: Note) -> None:
    """Write the note of the backup `target` beside it."""
    host.write(f"{target}.json", json.dumps(codec.encode(note), indent=2).encode())


def note_of(host: Host, target: str) -> Note | None:
    """Return the note beside a backup; None where there is none that can be read."""
    try:
        return codec.decode(Note, json.loads(host.read(f"{target}.json")))  # type: ignore[no-any-return]  # the codec's own type
    except (OSError, ValueError, TypeError, KeyError):
        return None


def note_digest(host: Host, keep: str, digest: Digest) -> None:
    """Write what a database holds once it is replaced, before it is."""
    host.write(f"{keep}/{_DIGEST}", json.dumps(digest).encode())


def digest_noted(host: Host, keep: str) -> Digest:
    """Return what was noted; of nothing readable nothing, so that every table counts as written since."""
    try:
        said = json.loads(host.read(f"{keep}/{_DIGEST}"))
        return {name: (rows, mark) for name, (rows, mark) in said.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
