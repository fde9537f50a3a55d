"""What a process said in its log after it was started, for the words of a failure; secrets hidden."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from unstale.facts.env_files import secrets
from unstale.redact import hide

if TYPE_CHECKING:
    from unstale.actions.lifecycle import Start
    from unstale.host import Host


def said_before(host: Host, start: Start) -> int:
    """Return how many bytes its log holds already."""
    seen = host.stat(start.stderr)
    return seen.size if seen else 0


def last_lines(host: Host, start: Start, said: int) -> str:
    """Return the last three lines after the first `said` bytes of its log."""
    with suppress(OSError):
        values = secrets(host, start.env.values(), f"{start.cwd}/.env")
        return " | ".join(each.strip() for each in tail(host, start.stderr, said, values)[-3:])
    return ""


def tail(host: Host, log: str, said: int, values: Iterable[str]) -> list[str]:
    """Return the lines of a log after its first `said` bytes, without these values. Raises OSError."""
    text = host.read(log)[said:].decode("utf-8", "replace").strip()
    return hide(text, values).splitlines()
