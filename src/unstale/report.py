"""What was found, layer by layer: the one record that every format is written from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from unstale import __version__
from unstale.evidence import Evidence
from unstale.finding import Finding, Fresh
from unstale.layer import Layer, Severity, State
from unstale.project import Project
from unstale.redact import printable


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


def as_json(report: Report) -> dict[str, Any]:
    """Return the report as `unstale.report/1`."""
    project = report.project
    return {
        "schema": "unstale.report/1",
        "version": __version__,
        "made_at": _time(report.made_at),
        "took_s": round(report.took_s, 3),
        "verdict": report.verdict.value,
        "project": {
            "root": printable(str(project.root)),
            "name": printable(project.name),
            "parts": [{"kind": kind, "path": printable(path)} for kind, path in project.parts],
        },
        "layers": [
            {
                "layer": each.layer.value,
                "state": each.state.value,
                "summary": printable(each.summary),
            }
            for each in report.layers
        ],
        "findings": [_finding(report, each) for each in report.findings],
        "unknown": [
            {
                "code": each.code,
                "layer": each.layer.value,
                "because": printable(each.because),
                "next": printable(each.next),
            }
            for each in report.unknown
        ],
        "skipped": [{"code": each.code, "by": each.by} for each in report.skipped],
        "silenced": [{"code": each.code, "reason": each.reason} for each in report.silenced],
        "crashed": [
            {"code": each.code, "layer": each.layer.value, "what": each.what, "where": each.where}
            for each in report.crashed
        ],
        "counts": {
            **{severity.value: len(report.of(severity)) for severity in Severity},
            "unknown": len(report.unknown),
            "checked": report.checked,
        },
    }


def _finding(report: Report, reported: Reported) -> dict[str, Any]:
    finding = reported.finding
    action = finding.fix
    return {
        "id": reported.id,
        "code": reported.code,
        "slug": reported.slug,
        "layer": reported.layer.value,
        "severity": finding.severity.value,
        "proven": finding.proven,
        "title": reported.title,
        "subject": printable(finding.subject),
        "because": printable(finding.because),
        "want": _evidence(finding.want),
        "have": _evidence(finding.have),
        "root": reported.root,
        "pids": list(finding.pids),
        "paths": [printable(report.project.relative(path)) for path in finding.paths],
        "ports": list(finding.ports),
        "fix": action
        and {
            "action": printable(action.title()),
            "risk": action.risk.word,
            "undoable": action.undoable,
            "preview": [printable(line) for line in action.preview()],
        },
    }


def _evidence(evidence: Evidence) -> dict[str, str]:
    return {
        "value": printable(evidence.value),
        "source": printable(evidence.source),
        "seen_at": _time(evidence.seen_at),
    }


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
