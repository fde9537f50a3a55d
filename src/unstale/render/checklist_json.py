"""A checklist as unstale.checklist/1, the contract with other programs: docs/schema."""

from __future__ import annotations

from typing import Any

from unstale import __version__
from unstale.checklist.point import Checklist, Failure, Mark, Point
from unstale.redact import printable
from unstale.render.json import evidence_as_json, time_as_json


def checklist(seen: Checklist) -> dict[str, Any]:
    """Return the checklist as `unstale.checklist/1`."""
    project = seen.project
    return {
        "schema": "unstale.checklist/1",
        "version": __version__,
        "made_at": time_as_json(seen.made_at),
        "took_s": round(seen.took_s, 3),
        "project": {"root": printable(str(project.root)), "name": printable(project.name)},
        "points": [_point(each) for each in seen.points],
        "crashed": list(seen.crashed),
        "counts": {mark.value: seen.count(mark) for mark in Mark},
    }


def _point(each: Point) -> dict[str, Any]:
    return {
        "point": each.topic.slug,
        "title": each.topic.title,
        "guide": list(each.topic.guide),
        "state": each.mark.value,
        "why": printable(each.why),
        "again": printable(each.again),
        "evidence": [evidence_as_json(one) for one in each.evidence],
        "failures": [_failure(one) for one in each.failures],
    }


def _failure(each: Failure) -> dict[str, Any]:
    return {
        "code": each.code or None,
        "subject": printable(each.subject),
        "because": printable(each.because),
        "evidence": [evidence_as_json(one) for one in each.evidence],
        "fix": printable(each.fix),
        "preview": [printable(line) for line in each.preview],
    }
