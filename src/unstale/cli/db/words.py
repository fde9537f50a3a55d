"""How the database commands speak: sizes, ages, and the journal's line that says from where to where."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from unstale.redact import printable

if TYPE_CHECKING:
    from datetime import datetime

    from unstale.perform import Run

_DAY, _HOUR, _MINUTE = 86_400, 3_600, 60


def size_of(size: int | None) -> str:
    """Return "12.3 MB"; decimal units, as disks are sold."""
    if size is None:
        return "not there"
    amount, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 1000 or unit == "TB":  # noqa: PLR2004 - decimal units
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def age_of(past: timedelta) -> str:
    """Return "3 days", "2 hours", "5 minutes" or "40 seconds"."""
    seconds = int(past.total_seconds())
    for unit, word in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute"), (1, "second")):
        if seconds >= unit or unit == 1:
            count = seconds // unit
            return f"{count} {word}{'' if count == 1 else 's'}"
    raise AssertionError


def trail(run: Run, now: datetime, words: dict[str, Any]) -> None:
    """Write what an auditor asks: which database, from which revision, to which, in how many seconds."""
    run.journal.append(now, run.id, "note", words)


def revision_words(revisions: tuple[str, ...]) -> str:
    """Return the revisions, or that there are none."""
    return printable(" ".join(revisions)) or "no revision"
