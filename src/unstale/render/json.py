"""A report as unstale.report/1, the contract with other programs: docs/schema."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from unstale import __version__
from unstale.evidence import Evidence
from unstale.layer import Severity
from unstale.redact import printable
from unstale.report import Report, Reported


def as_json(report: Report) -> dict[str, Any]:
    """Return the report as `unstale.report/1`."""
    project = report.project
    return {
        "schema": "unstale.report/1",
        "version": __version__,
        "made_at": time_as_json(report.made_at),
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
        "silenced": [
            {"code": each.code, "reason": printable(each.reason)} for each in report.silenced
        ],
        "crashed": [
            {
                "code": each.code,
                "layer": each.layer.value,
                "what": printable(each.what),
                "where": printable(each.where),
            }
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
        "want": evidence_as_json(finding.want),
        "have": evidence_as_json(finding.have),
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


def evidence_as_json(evidence: Evidence) -> dict[str, str]:
    """Return an evidence as every format of ours writes it."""
    return {
        "value": printable(evidence.value),
        "source": printable(evidence.source),
        "seen_at": time_as_json(evidence.seen_at),
    }


def time_as_json(moment: datetime) -> str:
    """Return a time in UTC, to the second."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
