"""The points that the checks answer: each a function of the report alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from unstale.checklist.point import Failure, Seen, Topic
from unstale.errors import Unavailable
from unstale.evidence import Evidence
from unstale.fact import F, Facts
from unstale.layer import Layer, Severity
from unstale.report import Report, Reported

_HEALTH = "HTP012"


@dataclass(frozen=True, slots=True)
class Judged:
    """A point that checks answer: all of these layers, or of their codes only some.

    Of `proof` one check must have proven something: what the others prove is not what the title says.
    """

    topic: Topic
    layers: tuple[Layer, ...]
    proof: tuple[str, ...]
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def covers(self, layer: Layer, code: str) -> bool:
        """Return whether the point answers for this check."""
        return (
            layer in self.layers
            and code not in self.without
            and (not self.only or code in self.only)
        )


PROCESSES = Judged(
    Topic("processes", "Every process runs the code that is on disk", (1,)),
    (Layer.SUPERVISOR, Layer.PROCESS),
    ("PRC001",),
)
BYTECODE = Judged(
    Topic("bytecode", "No bytecode hides a source", (2,)), (Layer.BYTECODE,), ("PYC001",)
)
DEPENDENCIES = Judged(
    Topic("dependencies", "The installed packages are those of the lock", (3,)),
    (Layer.ENVIRONMENT,),
    ("ENV001",),
)
DATABASE = Judged(
    Topic("database", "The database is there, and the one in use", (4, 5)),
    (Layer.DATABASE,),
    ("DBF001", "DBF002", "DBF007", "DBF016"),
)
SCHEMA = Judged(
    Topic("schema", "The database has the schema that the code needs", (5,)),
    (Layer.SCHEMA,),
    ("SCH001", "SCH006"),
)
FRONTEND = Judged(
    Topic("frontend", "Node modules and build are those of the sources", (6,)),
    (Layer.NODE, Layer.BUILD),
    ("BLD001", "NPM001"),
)
BROWSER = Judged(
    Topic("browser", "Browsers ask before they show a former page", (7,)),
    (Layer.HTTP,),
    ("HTP001",),
    without=(_HEALTH,),
)
HEALTH = Judged(
    Topic("health", "The health routes answer, and say that all is well", (8,)),
    (Layer.HTTP,),
    (_HEALTH,),
    only=(_HEALTH,),
)
CHECKOUT = Judged(
    Topic("checkout", "The checkout holds what its upstream has"), (Layer.GIT,), ("GIT002",)
)
CONFIGURATION = Judged(
    Topic("configuration", "The processes have the configuration that is on disk"),
    (Layer.CONFIG,),
    ("CFG001", "CFG002"),
)
CONTAINERS = Judged(
    Topic("containers", "Every container runs the image of today's sources"),
    (Layer.DOCKER,),
    ("DKR001", "DKR002"),
)
ALL = (
    *(PROCESSES, BYTECODE, DEPENDENCIES, DATABASE, SCHEMA, FRONTEND, BROWSER, HEALTH),
    *(CHECKOUT, CONFIGURATION, CONTAINERS),
)
"""Together they answer for every check."""


def judged(asked: Judged, report: Report) -> Seen:
    """Return what the report says of the point. A risk fails it too: the list is asked before it bites."""
    names = asked.only or tuple(each.value for each in asked.layers)
    seen = Seen(asked.topic, f"unstale check -v --only {','.join(names)}")
    for each in report.findings:
        if asked.covers(each.layer, each.code):
            if each.finding.severity is not Severity.NOTE:
                seen.failures.append(_failure(each))
            elif each.code in asked.proof:
                seen.unknown.append(f"{each.code}: {each.finding.subject}: {each.finding.because}")
    seen.unknown += _unknown(asked, report)
    proven = [each for each in report.proven if asked.covers(each.layer, each.code)]
    proven.sort(key=lambda each: each.code not in asked.proof)
    seen.evidence += [_of(each.fresh.subject, each.fresh.have) for each in proven]
    judging = {each.code for each in proven} | {each.code for each in seen.failures}
    if proven and judging.isdisjoint(asked.proof):
        seen.unknown.append(f"{' and '.join(asked.proof)} had nothing to judge")
    lines = [each.summary for each in report.layers if each.layer in asked.layers and each.summary]
    seen.nothing = "; ".join(dict.fromkeys(lines))
    return seen


def _unknown(asked: Judged, report: Report) -> Iterator[str]:
    """Yield why a check's word is missing; what a setting silences is a difference all the same."""
    said = (
        *((each.layer, each.code, f": {each.because}") for each in report.unknown),
        *((each.layer, each.code, f" crashed: {each.what}") for each in report.crashed),
        *((each.layer, each.code, f" is left out by {each.by}") for each in report.skipped),
        *(
            (Layer(each.code[:3]), each.code, f" is silenced: {each.reason}")
            for each in report.silenced
        ),
    )
    for layer, code, words in said:
        if asked.covers(layer, code):
            yield f"{code}{words}"


def known(facts: Facts, kind: type[F]) -> F | None:
    """Return a fact, None where it is absent or could not be looked at: the report says so already."""
    try:
        return facts.maybe(kind)
    except Unavailable:
        return None


def _of(subject: str, evidence: Evidence) -> Evidence:
    return Evidence(f"{subject}: {evidence.value}", evidence.source, evidence.seen_at)


def _failure(each: Reported) -> Failure:
    finding = each.finding
    return Failure(
        finding.subject,
        f"{each.title}: {finding.because}",
        f"unstale fix {each.code}" if finding.fix else f"unstale explain {each.code}",
        each.code,
        (finding.want, finding.have),
        finding.fix.preview() if finding.fix else (),
    )
