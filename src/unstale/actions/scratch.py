"""Where the copy of a database lies while a migration is rehearsed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from unstale.action import Keep
from unstale.actions.files import hide
from unstale.stores.find import AnyStore
from unstale.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from unstale.host import Host


def scratch_place(host: Host, store: AnyStore, keep: Keep) -> str:
    """Return a directory of ours, on the live file's filesystem where we have one: fsync costs alike there."""
    if not isinstance(store, SqliteStore):
        return str(keep.state)
    device = _device(host, Path(store.path).parent)
    if device in (_device(host, keep.state), None) or device != _device(host, keep.trash):
        return str(keep.state)
    hide(host, keep.trash)
    return str(keep.trash)


def _device(host: Host, place: Path) -> int | None:
    seen = next((seen for each in (place, *place.parents) if (seen := host.stat(str(each)))), None)
    return seen.device if seen else None
