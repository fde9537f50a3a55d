"""What a check says: a difference between two pieces of evidence, a proof of freshness, or not knowing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from unstale.evidence import Evidence
from unstale.layer import Severity

if TYPE_CHECKING:
    from unstale.action import Action


@dataclass(frozen=True, slots=True)
class Finding:
    """`want` is what the source says, `have` what the derived thing shows.

    `explains` and `touches` hold tags such as "pid:4711", "port:8000", "database:/srv/app.db", "checkout": a
    finding whose `touches` meets another's `explains` is a consequence of it. `forbids_restart` vetoes every
    restart of those pids until this finding is gone.
    """

    subject: str
    because: str
    want: Evidence
    have: Evidence
    fix: Action | None = None
    severity: Severity = Severity.STALE
    proven: bool = True
    pids: tuple[int, ...] = ()
    paths: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    explains: frozenset[str] = frozenset()
    touches: frozenset[str] = frozenset()
    forbids_restart: bool = False


@dataclass(frozen=True, slots=True)
class Fresh:
    """A derived thing that matches its source, with the same two pieces of evidence."""

    subject: str
    want: Evidence
    have: Evidence


@dataclass(frozen=True, slots=True)
class Unknown:
    """One subject that is in use but could not be judged."""

    subject: str
    because: str
    next: str


def compare(
    subject: str, *, want: Evidence, have: Evidence, because: str, fix: Action | None = None
) -> Finding | Fresh:
    """Return Fresh when both values are equal, else a stale finding."""
    if want.value == have.value:
        return Fresh(subject, want, have)
    return Finding(subject, because, want, have, fix)


def lowered(finding: Finding, severity: Severity) -> Finding:
    """Return the finding at another severity."""
    return replace(finding, severity=severity)
