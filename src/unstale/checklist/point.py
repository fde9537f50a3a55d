"""A point of the checklist: verified, failed, not checked or not applicable, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from unstale.evidence import Evidence
from unstale.project import Project


class Mark(StrEnum):
    """What became of a point, from worst to best; only VERIFIED is fine."""

    FAILED = "failed"
    NOT_CHECKED = "not_checked"
    VERIFIED = "verified"
    NOT_APPLICABLE = "not_applicable"

    @property
    def words(self) -> str:
        """Return the mark as a reader reads it."""
        return self.value.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Topic:
    """What a point asks. `guide` are the folk guide's points, from 1, that it stands for; none: it is ours alone."""

    slug: str
    title: str
    guide: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a point failed. `code` is the finding's, "" for what no check judges; `fix` a command, or what to do.

    `preview` is what a person could run instead, a command or a line of a diff each.
    """

    subject: str
    because: str
    fix: str
    code: str = ""
    evidence: tuple[Evidence, ...] = ()
    preview: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """One point. `why` says why it was not checked or does not apply; `again` is the command that looks again."""

    topic: Topic
    mark: Mark
    why: str
    again: str
    evidence: tuple[Evidence, ...]
    failures: tuple[Failure, ...]


@dataclass(slots=True)
class Seen:
    """What was seen of one point. `unknown` are reasons why it counts as not checked."""

    topic: Topic
    again: str
    evidence: list[Evidence] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    nothing: str = ""

    def point(self) -> Point:
        """Return the point: one failure fails it, not knowing is never fine, and without evidence nothing is."""
        mark = (
            Mark.FAILED
            if self.failures
            else Mark.NOT_CHECKED
            if self.unknown
            else Mark.VERIFIED
            if self.evidence
            else Mark.NOT_APPLICABLE
        )
        why = "; ".join(dict.fromkeys(self.unknown))
        if mark is Mark.NOT_APPLICABLE:
            why = self.nothing or "nothing of the kind is here"
        evidence = tuple(dict.fromkeys(self.evidence))
        return Point(self.topic, mark, why, self.again, evidence, tuple(self.failures))


@dataclass(frozen=True, slots=True)
class Checklist:
    """Every point. `crashed` names the checks that raised: a bug of ours."""

    project: Project
    made_at: datetime
    took_s: float
    points: tuple[Point, ...]
    crashed: tuple[str, ...] = ()

    def count(self, mark: Mark) -> int:
        """Return how many points have this mark."""
        return sum(each.mark is mark for each in self.points)

    @property
    def exit(self) -> int:
        """Return 1 where a point failed, 4 where a check crashed, else 0."""
        return 4 if self.crashed else 1 if self.count(Mark.FAILED) else 0
