"""Draws the checklist up: the folk guide's ten points and ours, most of them read from one report."""

from __future__ import annotations

from collections.abc import Iterator

from unstale.checklist import data, running
from unstale.checklist.judged import (
    BYTECODE,
    CHECKOUT,
    CONTAINERS,
    DEPENDENCIES,
    FRONTEND,
    judged,
)
from unstale.checklist.point import Checklist, Seen, Topic
from unstale.checklist.way_back import way_back
from unstale.fact import Facts
from unstale.report import Report

CACHES = Topic("caches", "The caches of pip and npm are cleared", (3, 6))
_WHY_NOT = (
    "clearing them is no point: both hold packages by the hash of their content, and neither an environment nor "
    "node_modules reads them after the install; the points dependencies and frontend compare what is installed"
)


def drawn_up(facts: Facts, report: Report) -> Checklist:
    """Return the checklist of a report and the facts that it was made from."""
    points = tuple(each.point() for each in _seen(facts, report))
    crashed = tuple(each.code for each in report.crashed)
    took = (facts.host.now() - report.made_at).total_seconds()
    return Checklist(report.project, report.made_at, took, points, crashed)


def _seen(facts: Facts, report: Report) -> Iterator[Seen]:
    yield running.processes(facts, report)
    yield judged(BYTECODE, report)
    yield judged(DEPENDENCIES, report)
    yield Seen(CACHES, "unstale explain pip-cache", nothing=_WHY_NOT)
    yield data.database(facts, report)
    yield data.schema(facts, report)
    yield judged(FRONTEND, report)
    yield running.browser(facts, report)
    yield running.health(facts, report)
    yield running.logs(facts)
    yield running.watch(facts)
    yield judged(CHECKOUT, report)
    yield running.configuration(facts, report)
    yield judged(CONTAINERS, report)
    yield data.backups(facts)
    yield way_back(facts)
