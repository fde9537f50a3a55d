"""Whether what the journal promises can be kept: the action is known, and what it would put back is there."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

from unstale import __version__
from unstale.action import Action
from unstale.errors import Refused, UnstaleError
from unstale.history import Deed, History
from unstale.host import Host
from unstale.perform import unpack


@runtime_checkable
class Keeping(Protocol):
    """An action that knows what it cannot do without."""

    def lacks(self, host: Host) -> str | None:
        """Return what is missing, or None."""


@runtime_checkable
class Losing(Protocol):
    """An action that may cost rows that were written since."""

    def losses(self, host: Host) -> dict[str, int]:
        """Return the rows that would be lost by table; nothing where nothing was written."""

    def unacceptable(self, host: Host) -> str | None:
        """Return why those rows must not be given up, whoever uses the database, or None."""

    def accepting(self, rows: int) -> Action:
        """Return the same action, allowed to lose exactly so many and keeping what it replaces."""


def inverse_of(deed: Deed, past: History) -> Action:
    """Return what takes a step back. Raises Refused for what another version wrote and this one does not know."""
    packed: dict[str, Any] = deed.inverse or {}
    try:
        inverse = unpack(packed)
        unknown = set(packed["data"]) - {each.name for each in dataclasses.fields(inverse)}  # type: ignore[arg-type]  # every action is one
    except (AttributeError, ImportError, KeyError, TypeError, UnstaleError, ValueError):
        unknown = {str(packed.get("type", "no type"))}
    if unknown:
        begun = past.begun(deed.run)
        version = (begun and begun.version) or "the version that wrote it"
        raise Refused(
            what=f"step {deed.step} of {deed.run} ({deed.title}) is not taken back",
            why=f"unstale {__version__} does not know {', '.join(sorted(unknown))}, which its journal names",
            next=f"Take it back with unstale {version}.",
        )
    return inverse


def lacking(inverse: Action, host: Host, deed: Deed) -> str | None:
    """Return what the inverse cannot do without and is not there any more, or None."""
    return inverse.lacks(host) if isinstance(inverse, Keeping) else _gone(host, deed)


def removed(past: History, deed: Deed, missing: str) -> str | None:
    """Return when we ourselves removed what is missing, in words, or None."""
    for kind in ("trash", "backups"):
        at = past.pruned.get(f"{kind}/{deed.run}")
        if at is not None and f"/{kind}/{deed.run}/" in missing:
            return f"its {kind} was removed on {at:%Y-%m-%d}, to keep within the limits: {missing}"
    return None


def _gone(host: Host, deed: Deed) -> str | None:
    """Return the first path that the step kept and that is gone."""
    for text in _texts(deed.inverse):
        kept = text.startswith("/") and any(
            f"/{kind}/{deed.run}/" in text for kind in ("trash", "backups")
        )
        if kept and host.stat(text, follow=False) is None:
            return f"{text} is no longer there"
    return None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
