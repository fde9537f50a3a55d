"""What was found, layer by layer: the one record that every format is written from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from unstale.finding import Finding, Fresh
from unstale.layer import Layer, Severity, State
from unstale.project import Project


@dataclass(frozen=True, slots=True)
class Reported:
    """A finding with its check's words. `root` is the id of the finding that explains it."""

    code: str
    slug: str
    title: str
    layer: Layer
    finding: Finding
    root: str | None = None

    @property
    def id(self) -> str:
        """Return an id that is stable between runs: the code and a hash of the subject."""
        mark = hashlib.sha256(self.finding.subject.encode("utf-8", "surrogateescape")).hexdigest()[
            :6
        ]
        return f"{self.code}-{mark}"


@dataclass(frozen=True, slots=True)
class Proven:
    """A subject that was proven fresh."""

    code: str
    layer: Layer
    fresh: Fresh


@dataclass(frozen=True, slots=True)
class NotKnown:
    """A check that could not look."""

    code: str
    layer: Layer
    because: str
    next: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A check that a flag or setting left out."""

    code: str
    layer: Layer
    by: str


@dataclass(frozen=True, slots=True)
class Silenced:
    """A finding that a setting silences, with the reason it gives."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Crashed:
    """A check that raised: a bug of ours."""

    code: str
    layer: Layer
    what: str
    where: str


@dataclass(frozen=True, slots=True)
class LayerLine:
    """A link of the chain in one line."""

    layer: Layer
    state: State
    summary: str


@dataclass(frozen=True, slots=True)
class Report:
    """One look at a project."""

    project: Project
    made_at: datetime
    took_s: float
    layers: tuple[LayerLine, ...]
    findings: tuple[Reported, ...]
    proven: tuple[Proven, ...]
    unknown: tuple[NotKnown, ...]
    skipped: tuple[LeftOut, ...]
    silenced: tuple[Silenced, ...]
    crashed: tuple[Crashed, ...]
    checked: int
    strict: bool = False

    def of(self, severity: Severity) -> tuple[Reported, ...]:
        """Return the findings of one severity."""
        return tuple(each for each in self.findings if each.finding.severity is severity)

    @property
    def verdict(self) -> State:
        """Return STALE, UNKNOWN or FRESH; with --strict a risk counts as stale."""
        if self.of(Severity.STALE) or (self.strict and self.of(Severity.RISK)):
            return State.STALE
        return State.UNKNOWN if self.unknown or self.crashed else State.FRESH

    @property
    def exit(self) -> int:
        """Return the exit code of `check`."""
        if self.crashed:
            return 4
        return {State.STALE: 1, State.UNKNOWN: 3}.get(self.verdict, 0)
